"""What addresses of mail and of machines tell without asking anybody."""

import subprocess
import sys
from random import Random
from string import ascii_lowercase, digits

import pytest
from disposable_email_domains import blocklist

from core.emails import parse_email
from services.fraud.mail_domains import PROVIDERS, RELAYS
from services.fraud.mailboxes import DomainKind, domain_kind, randomness, registrable, skeleton
from services.fraud.places import NetworkKind, network_kind, provider_of

# ── domains of mail ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        ("gmail.com", DomainKind.PROVIDER),
        ("yahoo.co.uk", DomainKind.PROVIDER),
        ("gmx.net", DomainKind.PROVIDER),
        ("web.de", DomainKind.PROVIDER),
        ("qq.com", DomainKind.PROVIDER),
        ("duck.com", DomainKind.RELAY),
        ("mozmail.com", DomainKind.RELAY),
        ("privaterelay.appleid.com", DomainKind.RELAY),
        ("simplelogin.com", DomainKind.RELAY),
        ("ada.anonaddy.com", DomainKind.RELAY),
        ("mailinator.com", DomainKind.DISPOSABLE),
        ("a.b.mailinator.com", DomainKind.DISPOSABLE),
        ("yopmail.com", DomainKind.DISPOSABLE),
        ("nospam.fr.nf", DomainKind.DISPOSABLE),
        ("x.nospam.fr.nf", DomainKind.DISPOSABLE),
        ("fr.nf", DomainKind.OTHER),
        ("appleid.com", DomainKind.OTHER),
        ("notgmail.com", DomainKind.OTHER),
        ("mailinator.com.example.org", DomainKind.OTHER),
        ("example.com", DomainKind.OTHER),
        ("localhost", DomainKind.OTHER),
    ],
)
def test_the_kind_of_a_domain(domain: str, kind: DomainKind) -> None:
    """Subdomains are of the kind of what was registered; a name that only looks alike is not."""
    assert domain_kind(domain) is kind


def test_relays_are_never_disposable() -> None:
    """Nor is a provider, even where the list of disposable domains names one: opayq.com is there."""
    assert {domain_kind(domain) for domain in RELAYS} == {DomainKind.RELAY}
    assert {domain_kind(domain) for domain in PROVIDERS} == {DomainKind.PROVIDER}
    assert RELAYS & blocklist == {"opayq.com"}
    assert not PROVIDERS & (RELAYS | blocklist)


def test_every_domain_of_the_list_is_disposable() -> None:
    """As it is listed, under a subdomain, and in whichever case and script it was typed."""
    listed = sorted(blocklist - RELAYS)
    assert {domain_kind(domain) for domain in listed[::50]} == {DomainKind.DISPOSABLE}
    assert {domain_kind(f"mx.{domain}") for domain in listed[::50]} == {DomainKind.DISPOSABLE}
    typed = parse_email("ada@\uff2d\uff21\uff29\uff2c\uff29\uff2e\uff21\uff34\uff2f\uff32.com")
    assert domain_kind(typed.key.rpartition("@")[2]) is DomainKind.DISPOSABLE


def test_a_domain_in_another_script_is_known() -> None:
    """The list has some in Punycode, which is how `parse_email` gives them."""
    listed = sorted(domain for domain in blocklist if "xn--" in domain)
    domain = parse_email(f"ada@{listed[0].encode('ascii').decode('idna')}").key.rpartition("@")[2]
    assert (domain, domain_kind(domain)) == (listed[0], DomainKind.DISPOSABLE)


@pytest.mark.parametrize(
    ("domain", "owned"),
    [
        ("mail.example.co.uk", "example.co.uk"),
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("ada.github.io", "ada.github.io"),
        ("x.xn--bcher-kva.xn--p1ai", "xn--bcher-kva.xn--p1ai"),
        ("co.uk", "co.uk"),
        ("a.b.unheard-of", "b.unheard-of"),
    ],
)
def test_what_one_owner_registers(domain: str, owned: str) -> None:
    """By the public suffix list, its private part too; a suffix itself stays whole."""
    assert registrable(domain) == owned


# ── local parts ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("local", "shape"),
    [
        ("anna.smith12", "anna.smith#"),
        ("anna.smith7", "anna.smith#"),
        ("a1b22", "a#b#"),
        ("٣٤", "#"),
        ("ada", "ada"),
        ("", ""),
    ],
)
def test_a_skeleton_has_one_marker_for_digits(local: str, shape: str) -> None:
    """However many they are, and whichever script they are written in."""
    assert skeleton(local) == shape


@pytest.mark.parametrize(
    "local",
    [
        "ada", "grace.hopper", "anna1987", "info", "jsmith", "jschwartz", "szczepanski", "mkhwanazi", "hrvoje",
        "nguyenthithu", "zhangwei", "abdulrahman", "nkechi", "müller", "иван.петров", "田中", "ada+news", "r2d2", "",
        "13",
    ],
)  # fmt: skip
def test_people_do_not_look_like_machines(local: str) -> None:
    """Names of many languages and scripts, initials, years."""
    assert randomness(local) < 0.5


@pytest.mark.parametrize("local", ["qzxkvbnwpt", "x7k2m9q4", "a8f3k2l9d0", "d3f9a1c7e2b84f60", "kwxzjqvb", "dfgkjhsdf"])
def test_machines_look_like_machines(local: str) -> None:
    """Letters without order, and digits between letters."""
    assert randomness(local) > 0.8


def test_a_number_makes_nobody_a_machine() -> None:
    """Telephone numbers and a long number after a word stay at a half or below."""
    assert randomness("13800138000") <= 0.5
    assert randomness("9" * 64) <= 0.5
    assert randomness("ada12345678") < 0.5


def test_randomness_lies_between_0_and_1_and_repeats() -> None:
    """Whatever is given, up to the longest local part there is; half of what chance makes of ten signs is above 0.8."""
    random = Random(7)  # ruff: ignore[suspicious-non-cryptographic-random-usage] -- the same in each run
    made = ["".join(random.choices(ascii_lowercase + digits, k=10)) for _ in range(500)]
    figures = [randomness(local) for local in made]
    assert all(0 < figure < 1 for figure in figures)
    assert 0.5 < sum(figure > 0.8 for figure in figures) / len(figures) < 0.8
    randomness.cache_clear()
    assert [randomness(local) for local in made] == figures
    assert 0.99 < randomness("qx" * 4 + "zkvwpjgbf" * 6) <= 1


# ── networks ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ip", "kind", "provider"),
    [
        ("52.95.110.1", NetworkKind.HOSTING, "Amazon AWS"),
        ("2a01:4f8::1", NetworkKind.HOSTING, "Hetzner"),
        ("::ffff:52.95.110.1", NetworkKind.HOSTING, "Amazon AWS"),
        ("66.249.66.1", NetworkKind.HOSTING, "Googlebot"),
        ("185.159.158.215", NetworkKind.VPN, "ProtonVPN"),
        ("185.220.101.1", NetworkKind.TOR, "Tor"),
        ("172.224.226.1", NetworkKind.UNKNOWN, "Apple Private Relay"),
        ("104.16.0.1", NetworkKind.UNKNOWN, "Cloudflare"),
        ("127.0.0.1", NetworkKind.UNKNOWN, None),
        ("203.0.113.7", NetworkKind.UNKNOWN, None),
        ("::1", NetworkKind.UNKNOWN, None),
        (None, NetworkKind.UNKNOWN, None),
    ],
)
def test_the_kind_of_a_network(ip: str | None, kind: NetworkKind, provider: str | None) -> None:
    """What is in no list, private, or a relay for everybody, is unknown: it speaks against nobody."""
    assert (network_kind(ip), provider_of(ip)) == (kind, provider)


def test_starting_reads_no_table() -> None:
    """The modules are there before any library is loaded: the program's start pays for none of them."""
    asked = "import sys, services.fraud.mailboxes, services.fraud.places; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True).stdout.split()
    assert not {"disposable_email_domains", "publicsuffixlist", "iporigin", "tzdata"} & set(loaded)
