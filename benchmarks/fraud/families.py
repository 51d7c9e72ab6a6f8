"""The families that are reported, in the mix that is fixed: alias 50 %, disposable 15 %, the others evenly."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.fraud import mailboxes, networks
from benchmarks.fraud.events import Attempt
from benchmarks.fraud.mailboxes import Name
from benchmarks.fraud.operators import Family, Means, at_once, either, every, trial_by_trial
from benchmarks.fraud.prober import Prober

TAGGING = {"gmail.com": 0.8, "outlook.com": 0.1, "icloud.com": 0.04, "proton.me": 0.03, "own": 0.03}
"""Where aliases are made. A domain of one's own is no provider that is known to ignore tags."""
REST = 0.35 / 8


def alias(means: Means) -> Callable[[int], Attempt]:
    """One mailbox in many spellings: tags, dots, and Gmail's other domain."""
    local, where = mailboxes.local(means.chance, means.name), means.chance.by_share(TAGGING)
    where = mailboxes.domain(means.chance) if where == "own" else where
    counted = means.chance.happens(0.6)

    def spelled(number: int) -> str:
        if number == 1:
            return f"{local}@{where}"
        if where == "gmail.com" and means.chance.happens(0.3):
            other = means.chance.by_share({"gmail.com": 0.8, "googlemail.com": 0.2})
            return f"{mailboxes.dotted(means.chance, local)}+{number}@{other}"
        return f"{local}+{number if counted else mailboxes.noise(means.chance)}@{where}"

    return lambda number: means.sign_up(spelled(number))


def disposable(means: Means) -> Callable[[int], Attempt]:
    """A mailbox of ten minutes each time, of a service that everybody finds; some of them on a subdomain of it."""

    def fresh() -> str:
        where = means.chance.common(mailboxes.DISPOSABLE)
        sub = f"{means.chance.of(mailboxes.WORDS)}." if means.chance.happens(0.08) else ""
        return f"{mailboxes.noise(means.chance)}@{sub}{where}"

    return lambda _: means.sign_up(fresh())


def same_device(means: Means) -> Callable[[int], Attempt]:
    """Unrelated mailboxes in one browser; half of the operators clear its storage before."""
    clears = means.chance.happens(0.5)
    return lambda _: means.sign_up(
        means.other_mailbox(), profile=means.private_window() if clears else means.own, ip=means.home.address()
    )


def ip_burst(means: Means) -> Callable[[int], Attempt]:
    """A program that signs up a dozen within the hour through one network, and shows another browser each time."""
    hosted = means.chance.happens(0.5)
    base = networks.within(means.chance, *networks.CLOUDS) if hosted else means.home.address()
    program = means.chance.by_share({None: 0.6, "requests": 0.25, "node": 0.15})

    def one() -> Attempt:
        same = ":" in base or means.chance.happens(0.5)
        return means.sign_up(
            f"{mailboxes.noise(means.chance)}@{means.chance.by_share(mailboxes.EASY)}",
            profile=means.fresh_profile(),
            ip=base if same else networks.near(means.chance, base, 24),
            seconds=means.chance.between(0.3, 5.0),
            scripted=program,
        )

    return lambda _: one()


def card_reuse(means: Means) -> Callable[[int], Attempt]:
    """One card behind mailboxes, browsers and networks that change."""

    def one() -> Attempt:
        ip = means.chance.of((means.home.address(), networks.mobile(means.chance), networks.vpn(means.chance)))
        return means.sign_up(means.other_mailbox(), profile=means.fresh_profile(), ip=ip, card=f"reused_{means.key}")

    return lambda _: one()


def residential_proxy(means: Means) -> Callable[[int], Attempt]:
    """Everything fresh each time: a bought mailbox, a browser that pretends, an address of somebody's home."""

    def one() -> Attempt:
        elsewhere = Means(means.chance, means.key)  # as whom they appear: nothing of it is theirs
        elsewhere.card = None
        return elsewhere.sign_up(
            mailboxes.free(means.chance, Name(means.chance), mailboxes.EASY),
            profile=elsewhere.own,
            ip=elsewhere.home.address(),
            seconds=max(4.0, means.chance.around(25.0, 0.5)),
        )

    return lambda _: one()


def catch_all(means: Means) -> Callable[[int], Attempt]:
    """Any name at a domain of their own; half of the operators change browser and network too."""
    where, careful = mailboxes.domain(means.chance), means.chance.happens(0.5)

    def one() -> Attempt:
        email = mailboxes.staff(means.chance, Name(means.chance), where)
        if careful:
            return means.sign_up(email, profile=means.fresh_profile(), ip=networks.vpn(means.chance))
        return means.sign_up(email)

    return lambda _: one()


def slow_drip(means: Means) -> Callable[[int], Attempt]:
    """One every few weeks, from a private window at home."""
    return lambda _: means.sign_up(means.other_mailbox(), profile=means.private_window(), ip=means.home.address())


def unseen_disposable(means: Means) -> Callable[[int], Attempt]:
    """As disposable, of services whose domains are younger than every list."""
    return lambda _: means.sign_up(f"{mailboxes.noise(means.chance)}@{mailboxes.fresh_disposable(means.chance)}")


FAMILIES = (
    Family("alias", 0.5, (1, 8), either, alias),
    Family("disposable", 0.15, (1, 8), either, disposable),
    Family("same device", REST, (1, 4), trial_by_trial, same_device),
    Family("IP burst", REST, (5, 12), at_once, ip_burst),
    Family("card reuse", REST, (1, 4), trial_by_trial, card_reuse),
    Family("residential proxy, fresh profile", REST, (1, 6), trial_by_trial, residential_proxy),
    Family("own catch-all domain", REST, (1, 6), either, catch_all),
    Family("slow drip", REST, (1, 6), every(24.0), slow_drip),
    Family("unseen disposable domains", REST, (1, 5), either, unseen_disposable),
    Family("adaptive prober", REST, (6, 14), every(1.5, 0.8), deciding=Prober),
)
COMMODITY = ("alias", "disposable", "same device", "IP burst", "card reuse")
"""What anybody does without tools: the goal for these is higher."""
