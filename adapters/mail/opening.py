"""Which mail a URL names."""

from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from adapters.mail.outbox import OutboxMail
from adapters.mail.port import Mail
from adapters.mail.smtp import SmtpMail, Tls

PORTS = {Tls.STARTTLS: 587, Tls.IMPLICIT: 465, Tls.NONE: 25}


def open_mail(url: str) -> Mail:
    """The variant that `url` names; it still wants `open()`.

    `outbox://folder` (`outbox:///absolute/folder`), or `smtp://user:password@host:port?tls=starttls` with tls one of
    starttls (the default), implicit and none; the port follows from it. No message repeats the URL, for its password.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "outbox" if folder := unquote(parts.netloc + parts.path):
            return OutboxMail(Path(folder))
        case "smtp" if parts.hostname:
            return _open_smtp(parts, parts.hostname)
        case scheme:
            raise ValueError(f"Mail goes to outbox://folder or smtp://host, not to {scheme!r} with nothing behind it.")


def _open_smtp(parts: SplitResult, host: str) -> SmtpMail:
    options = parse_qs(parts.query, keep_blank_values=True)
    chosen = options.pop("tls", [Tls.STARTTLS])[-1]
    if options or chosen not in list(Tls):
        raise ValueError(f"smtp:// knows one option: tls, one of {', '.join(Tls)}.")
    tls = Tls(chosen)
    return SmtpMail(
        host,
        parts.port or PORTS[tls],
        tls=tls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
    )
