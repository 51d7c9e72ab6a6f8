"""Other families, on which parameters may be tuned: none of them is reported, and none of the reported ones is here."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.fraud import mailboxes, networks
from benchmarks.fraud.browsers import Profile
from benchmarks.fraud.events import Attempt
from benchmarks.fraud.mailboxes import Name
from benchmarks.fraud.operators import Family, Means, at_once, either, every, trial_by_trial

REST = 0.35 / 8
HYPHENS = {"yahoo.com": 0.6, "ymail.com": 0.15, "fastmail.com": 0.25}
APPS = ("mail.tm", "1secmail.com", "tempmailo.com", "minuteinbox.com", "mailpoof.com", "disposablemail.com")
"""Services behind apps for phones."""


def other_spellings(means: Means) -> Callable[[int], Attempt]:
    """One mailbox, spelled otherwise by providers with rules of their own: hyphens, mixed case, twin domains."""
    local, where = mailboxes.local(means.chance, means.name).replace(".", ""), means.chance.by_share(HYPHENS)
    mark = "+" if where == "fastmail.com" else "-"
    twins = means.chance.of((("icloud.com", "me.com", "mac.com"), ("proton.me", "protonmail.com", "pm.me")))
    by_twin = means.chance.happens(0.25)

    def spelled(number: int) -> str:
        if by_twin:
            tag = f"+{number}" if number > len(twins) else ""
            return f"{local}{tag}@{twins[(number - 1) % len(twins)]}"
        return f"{local}{mark}{means.chance.of(mailboxes.WORDS)}{number}@{where}"

    return lambda number: means.sign_up(spelled(number))


def temporary_on_phone(means: Means) -> Callable[[int], Attempt]:
    """An app's mailbox of ten minutes, on a phone, by its carrier."""
    where = means.chance.of(APPS)
    return lambda _: means.sign_up(f"{mailboxes.noise(means.chance)}@{where}", ip=networks.mobile(means.chance))


def numbered_on_vpn(means: Means) -> Callable[[int], Attempt]:
    """Mailboxes that are numbered, through one exit of a VPN, each in a profile of its own."""
    local, exit_ = mailboxes.local(means.chance, means.name), networks.vpn(means.chance)
    where = means.chance.by_share(mailboxes.EASY)
    return lambda number: means.sign_up(f"{local}{number:02d}@{where}", profile=means.fresh_profile(), ip=exit_)


def clearing_cookies(means: Means) -> Callable[[int], Attempt]:
    """Mailboxes of friends, on one laptop that forgets everything, in cafés."""
    return lambda _: means.sign_up(
        mailboxes.free(means.chance, Name(means.chance)),
        profile=means.private_window(),
        ip=networks.within(means.chance, *networks.BUSINESS),
    )


def rotating_hosts(means: Means) -> Callable[[int], Attempt]:
    """A program on rented servers, another one each time, with noise before the @."""
    return lambda _: means.sign_up(
        f"{mailboxes.noise(means.chance)}@{means.chance.by_share(mailboxes.EASY)}",
        profile=means.fresh_profile(),
        ip=networks.within(means.chance, *networks.CLOUDS),
        seconds=means.chance.between(1.0, 9.0),
        scripted=means.chance.by_share({None: 0.8, "go": 0.2}),
    )


def two_domains(means: Means) -> Callable[[int], Attempt]:
    """Two domains by turns, noise before the @, from home."""
    domains = [mailboxes.domain(means.chance) for _ in range(2)]
    return lambda number: means.sign_up(
        f"{mailboxes.noise(means.chance)}@{domains[number % 2]}", profile=means.private_window()
    )


def new_sim(means: Means) -> Callable[[int], Attempt]:
    """A phone that is set back each week, with a new mailbox and another card in its slot."""
    return lambda _: means.sign_up(
        means.other_mailbox(), profile=means.private_window(), ip=networks.mobile(means.chance)
    )


def relay_farmer(means: Means) -> Callable[[int], Attempt]:
    """Relay addresses of one service, as many as one likes, in the same browser at home."""
    return lambda _: means.sign_up(mailboxes.relayed(means.chance), ip=means.home.address())


def two_cards(means: Means) -> Callable[[int], Attempt]:
    """Two cards by turns, a friend's browser by turns."""
    profiles = [means.own, Profile(means.fresh_profile().machine)]
    return lambda number: means.sign_up(
        means.other_mailbox(),
        profile=means.chance.of(profiles),
        ip=networks.Home(means.chance).address(),
        card=f"pair_{means.key}_{number % 2}",
    )


def pretending_at_home(means: Means) -> Callable[[int], Attempt]:
    """A browser that pretends to be another machine each time, but always at home."""
    return lambda _: means.sign_up(means.other_mailbox(), profile=means.fresh_profile(), ip=means.home.address())


DEV_FAMILIES = (
    Family("dev: other spellings", 0.5, (1, 8), either, other_spellings),
    Family("dev: temporary mail on a phone", 0.15, (1, 8), either, temporary_on_phone),
    Family("dev: numbered mailboxes on one VPN exit", REST, (3, 10), at_once, numbered_on_vpn),
    Family("dev: cookies cleared on one laptop", REST, (1, 5), trial_by_trial, clearing_cookies),
    Family("dev: rotating hosts, noisy mailboxes", REST, (4, 12), at_once, rotating_hosts),
    Family("dev: two domains by turns", REST, (1, 6), either, two_domains),
    Family("dev: weekly with a new SIM", REST, (1, 6), every(7.5), new_sim),
    Family("dev: relay farmer", REST, (1, 5), trial_by_trial, relay_farmer),
    Family("dev: two cards by turns", REST, (2, 5), trial_by_trial, two_cards),
    Family("dev: pretending at home", REST, (1, 5), either, pretending_at_home),
)
DEV_COMMODITY = tuple(family.name for family in DEV_FAMILIES[:4])
