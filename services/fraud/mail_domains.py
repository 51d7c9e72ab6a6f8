"""Domains of mail: where everybody can have a mailbox, and where addresses are lent to protect one.

Both lists are short on purpose: a domain that is missing counts as any other, which speaks against nobody.
"""

_WORLDWIDE = {
    "yahoo": "com fr de it es ca in gr ie ro se no dk pl co.uk co.in co.jp co.id co.kr co.th co.nz co.za com.br com.ar"
    " com.au com.mx com.co com.pe com.ve com.ph com.sg com.my com.hk com.tw com.tr com.vn",
    "hotmail": "com fr de it es be nl ch se no dk fi gr ca co.uk co.jp co.th com.br com.ar com.mx com.tr com.au",
    "outlook": "com fr de it es be dk ie at cz hu pt sa in jp kr co.id co.th com.br com.ar com.au com.gr com.tr com.vn",
    "live": "com fr de it be nl se no dk ca ie in at co.uk co.za com.mx com.ar com.au com.pt com.sg",
    "gmx": "com de net at ch org eu fr es us co.uk",
    "yandex": "ru com by kz ua uz com.tr",
}
_EVERYWHERE = """
gmail.com googlemail.com ymail.com rocketmail.com myyahoo.com msn.com passport.com windowslive.com icloud.com me.com
mac.com aol.com aim.com proton.me protonmail.com protonmail.ch pm.me zoho.com zohomail.com zohomail.eu zohomail.in
fastmail.com fastmail.fm tuta.com tuta.io tutanota.com tutanota.de tutamail.com keemail.me mail.com email.com usa.com
hey.com posteo.de posteo.net mailbox.org mailfence.com disroot.org riseup.net runbox.com startmail.com kolabnow.com
hushmail.com lycos.com
"""
_AT_HOME = """
web.de t-online.de freenet.de arcor.de 1und1.de vodafone.de orange.fr wanadoo.fr free.fr laposte.net sfr.fr neuf.fr
bbox.fr libero.it virgilio.it alice.it tin.it tiscali.it tim.it fastwebnet.it aruba.it telefonica.net sapo.pt
bluewin.ch hispeed.ch sunrise.ch aon.at chello.at a1.net ziggo.nl kpnmail.nl planet.nl hetnet.nl xs4all.nl upcmail.nl
telenet.be skynet.be proximus.be btinternet.com sky.com virginmedia.com ntlworld.com talktalk.net blueyonder.co.uk
eircom.net online.no telia.com comhem.se bredband.net mail.dk elisanet.fi kolumbus.fi luukku.com seznam.cz email.cz
centrum.cz post.cz volny.cz azet.sk centrum.sk zoznam.sk wp.pl o2.pl onet.pl op.pl interia.pl interia.eu gazeta.pl
poczta.fm freemail.hu citromail.hu abv.bg mail.bg ukr.net i.ua meta.ua bigmir.net mail.ru inbox.ru list.ru bk.ru
internet.ru rambler.ru ya.ru tut.by inbox.lv inbox.lt mail.ee otenet.gr walla.co.il walla.com mynet.com comcast.net
xfinity.com verizon.net att.net sbcglobal.net bellsouth.net pacbell.net cox.net charter.net earthlink.net juno.com
optonline.net frontier.com windstream.net centurylink.net shaw.ca rogers.com sympatico.ca bell.net telus.net
videotron.ca uol.com.br bol.com.br terra.com.br ig.com.br globo.com prodigy.net.mx terra.com fibertel.com.ar bigpond.com
optusnet.com.au iinet.net.au tpg.com.au xtra.co.nz mweb.co.za telkomsa.net qq.com foxmail.com 163.com 126.com yeah.net
139.com 189.cn sina.com sina.cn sohu.com aliyun.com tom.com naver.com daum.net hanmail.net kakao.com nate.com
docomo.ne.jp ezweb.ne.jp au.com softbank.ne.jp i.softbank.jp nifty.com hinet.net rediffmail.com indiatimes.com
"""

_LENDING = """
privaterelay.appleid.com duck.com mozmail.com relay.firefox.com
simplelogin.com simplelogin.co simplelogin.fr simplelogin.io aleeas.com slmail.me slmails.com silomails.com
8alias.com 8shield.net dralias.com passmail.net passmail.com passinbox.com passfwd.com
addy.io anonaddy.com anonaddy.me addymail.com addy.biz 4wrd.cc mailer.me
33mail.com erine.email opayq.com
"""

PROVIDERS = frozenset(
    [*_EVERYWHERE.split(), *_AT_HOME.split()]
    + [f"{name}.{suffix}" for name, suffixes in _WORLDWIDE.items() for suffix in suffixes.split()]
)
"""Where anybody, or any customer of a network, has a mailbox: that two people share the domain says nothing."""

RELAYS = frozenset(_LENDING.split())
"""Services that lend addresses and pass letters on, so that people keep their own to themselves."""
