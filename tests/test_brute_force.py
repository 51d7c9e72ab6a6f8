"""Guessing passwords, as an attacker would: through the front door, from one network and from many."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.limits import Allowance, RedisLimits
from core.errors import Unavailable
from core.passwords import Passwords
from core.setting_values import networks
from core.settings import Settings
from models import AuditEvent, Device, OneTimeToken, User
from models.one_time_tokens import Purpose
from services import attempts, challenges
from services.devices import Description
from services.ports import choose_ports
from services.sessions import Client
from tests.challenges import easy, solved
from tests.conftest import Start
from tests.porchlight import LOGIN, PASSWORD, Porchlight
from tests.services.valkey import RestartableValkey

ADA = "ada@example.com"
WRONG = "not the right one at all"
HOME = "203.0.113.7"


@pytest.fixture
async def house(start: Start, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Porchlight:
    """A server that believes where its clients say that they are, with a test's patience for Redis."""
    easy(monkeypatch)
    ports = choose_ports(settings)
    if settings.redis_url:  # on a busy machine it would pass for lost, and another count begin
        ports = replace(ports, limits=RedisLimits(settings.redis_url, deadline=10.0))
    return await start(ports=ports, trusted_proxies=networks("127.0.0.0/8"), argon2_pool=32)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """How many passwords have been compared with this hash so far. Those compared with nothing are under ''."""
    compared: list[str] = []
    verify = Passwords._verify

    def watched(self: Passwords, stored: str, password: str) -> bool:
        compared.append("" if stored == self._decoy else stored)
        return verify(self, stored, password)

    monkeypatch.setattr(Passwords, "_verify", watched)
    return compared.count


async def guess(house: Porchlight, email: str = ADA, password: str = WRONG, ip: str = HOME, **more: Any) -> Any:
    """One guess, and its whole answer."""
    device = {"deviceToken": more.pop("token")} if "token" in more else None
    given = {"input": {"email": email, "password": password, "device": device, **more}}
    answer = (await house.post(LOGIN, given, **{"X-Forwarded-For": ip})).json()
    if "errors" in answer:
        return {"__typename": answer["errors"][0]["extensions"]["code"]}
    return answer["data"]["login"]


async def stubborn(house: Porchlight, **given: Any) -> Any:
    """One guess by somebody who solves what they are asked to."""
    answer = await guess(house, **given)
    if answer["__typename"] == "ChallengeRequired":
        answer = await guess(house, **given, challengeAnswer=solved(answer["parameters"]))
    return answer


async def hash_of(house: Porchlight, email: str = ADA) -> str:
    with house.app.database.bound():
        return (await User.get(email_key=email)).password_hash


def kinds(answers: list[Any]) -> list[str]:
    return [answer["__typename"] for answer in answers]


def elsewhere(number: int) -> str:
    """An address in a network of its own."""
    return f"10.{number // 200}.{number % 200}.9"


# ── the answer ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_locked_answer_is_that_of_a_wrong_password(house: Porchlight, looks: Callable[[str], int]) -> None:
    """For known and unknown addresses: the same words after the same statements, with the right password too."""
    await house.register(ADA)
    seen: dict[str, list[tuple[Any, list[str]]]] = {ADA: [], "nobody@example.com": []}
    for number in range(8):
        for email, answers in seen.items():
            ip = HOME if email == ADA else "198.51.100.7"  # one network may ask ten times a minute
            with house.counting_queries() as statements:
                answer = await guess(house, email=email, password=PASSWORD if number == 7 else WRONG, ip=ip)
            answers.append((answer, [re.sub(r": .*|'[^']*'|\b\d+\b|NULL", "", each) for each in statements]))
    first, *others = seen[ADA] + seen["nobody@example.com"]
    assert first[0] == {"__typename": "InvalidCredentials", "message": "The e-mail address or the password is wrong."}
    assert len(first[1]) == 2
    assert others == [first] * 15
    assert (looks(await hash_of(house)), looks("")) == (5, 11)


async def test_a_device_is_looked_for_whether_or_not_there_is_an_account(house: Porchlight) -> None:
    """One statement more, for known and unknown addresses alike."""
    await house.register(ADA)
    counts = []
    for email in (ADA, "nobody@example.com", "no address"):
        with house.counting_queries() as statements:
            await guess(house, email=email, token="x" * 43)
        counts.append(len(statements))
    assert counts == [3, 3, 2]


async def test_failures_are_audited_without_telling(house: Porchlight) -> None:
    """One event each, with where it came from; that of an unknown address concerns nobody and names nothing."""
    person = await house.register(ADA)
    for _ in range(6):
        await guess(house)
    await guess(house, email="nobody@example.com", ip="198.51.100.7")
    with house.app.database.bound():
        events = await AuditEvent.filter(action="account.sign_in_failed").order_by("id")
    assert [(event.user_id, event.actor_id, event.ip, event.data) for event in events] == [
        *[(person.user_id, None, HOME, {"locked": False})] * 5,
        (person.user_id, None, HOME, {"locked": True}),
        (None, None, "198.51.100.7", {"locked": False}),
    ]


# ── one network ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_thousand_aliases_are_five_guesses(house: Porchlight, looks: Callable[[str], int]) -> None:
    """However the guesses are packed, five passwords are compared, and ten answers are no RATE_LIMITED."""
    await house.register(ADA)
    found: list[str] = []
    calls = " ".join(
        f'a{number}: login(input: {{email: "{ADA}", password: "{WRONG}"}}) {{ __typename }}' for number in range(25)
    )
    for _ in range(40):
        answer = (await house.post(f"mutation {{ {calls} }}", None, **{"X-Forwarded-For": HOME})).json()
        found += [error["extensions"]["code"] for error in answer.get("errors", [])]
        found += [each["__typename"] for each in (answer["data"] or {}).values() if each]
    assert {kind: found.count(kind) for kind in found} == {"InvalidCredentials": 10, "RATE_LIMITED": 990}
    assert (looks(await hash_of(house)), looks("")) == (5, 5)


async def test_pauses_grow_and_a_right_password_ends_them(
    house: Porchlight, looks: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five failures the next guess waits; what comes earlier is not looked at and does not prolong the wait."""
    monkeypatch.setattr(attempts, "HERE", replace(attempts.HERE, pause=1.0))
    await house.register(ADA)
    assert kinds([await guess(house) for _ in range(5)]) == ["InvalidCredentials"] * 5
    assert kinds([await guess(house, password=PASSWORD)]) == ["InvalidCredentials"]
    await asyncio.sleep(1.1)
    assert kinds([await guess(house, password=PASSWORD)]) == ["LoginSuccess"]
    assert looks(await hash_of(house)) == 6
    await guess(house)
    assert looks(await hash_of(house)) == 7
    assert kinds([await guess(house, password=PASSWORD)]) == ["LoginSuccess"]


async def test_others_are_not_locked_by_one_network(house: Porchlight) -> None:
    """The owner comes from another network, without a device that is known."""
    await house.register(ADA)
    for _ in range(10):
        await guess(house)
    assert (await guess(house, password=PASSWORD))["__typename"] == "RATE_LIMITED"
    assert (await guess(house, password=PASSWORD, ip="203.0.114.7"))["__typename"] == "LoginSuccess"


async def test_one_password_on_many_accounts_is_counted_by_network(
    house: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IPv6 by /64: after so many failures nothing of that network is looked at, and other networks are not meant."""
    monkeypatch.setattr(attempts, "NETWORK", replace(attempts.NETWORK, limit=6))
    await house.register(ADA)
    for number in range(6):
        await guess(house, email=f"{number}@example.com", ip=f"2001:db8:1:2::{number}")
    assert (await guess(house, password=PASSWORD, ip="2001:db8:1:2:ffff::1"))["__typename"] == "InvalidCredentials"
    assert (await guess(house, password=PASSWORD, ip="2001:db8:1:3::1"))["__typename"] == "LoginSuccess"


async def test_a_network_that_fails_much_is_asked_for_work(house: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever accounts it tries; who does the work gets in with the right password."""
    monkeypatch.setattr(attempts, "RISKY_FOR_NETWORK", 3)
    await house.register(ADA)
    answers = [await guess(house, email=f"{number}@example.com") for number in range(4)]
    assert kinds(answers) == ["InvalidCredentials"] * 3 + ["ChallengeRequired"]
    assert (await stubborn(house, password=PASSWORD))["__typename"] == "LoginSuccess"


# ── many networks ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_distributed_attack_gets_fifty_looks_an_hour(house: Porchlight, looks: Callable[[str], int]) -> None:
    """A hundred networks that solve what they are asked to; the owner's own device gets in all the while."""
    person = await house.register(ADA, device={"name": "Ada's laptop"})
    token, spellings = (
        person.registered["deviceToken"],
        [ADA, "ADA@example.com", " ada@EXAMPLE.com", "\uff41da@example.com"],
    )
    stored = await hash_of(house)
    asked = [await guess(house, email=spellings[number % 4], ip=elsewhere(number)) for number in range(20)]
    assert kinds(asked) == ["InvalidCredentials"] * 10 + ["ChallengeRequired"] * 10
    assert looks(stored) == 10
    answers = [await stubborn(house, ip=elsewhere(number)) for number in range(20, 100)]
    assert kinds(answers) == ["InvalidCredentials"] * 80
    assert looks(stored) == 50
    assert (await stubborn(house, password=PASSWORD, ip="198.51.100.7")) == answers[0]
    assert (await guess(house, password=PASSWORD, token=token))["__typename"] == "LoginSuccess"
    assert looks(stored) == 51


async def test_work_is_asked_for_unknown_addresses_too(house: Porchlight) -> None:
    """The same answer at the same point: it tells nothing of accounts."""
    await house.register(ADA)
    for email in (ADA, "nobody@example.com", "no address"):
        answers = [await guess(house, email=email, ip=elsewhere(number)) for number in range(11)]
        assert kinds(answers) == ["InvalidCredentials"] * 10 + ["ChallengeRequired"], email


async def test_a_burst_gets_no_more_looks_than_its_limit(house: Porchlight, looks: Callable[[str], int]) -> None:
    """100 guesses at once from one network are five looks; from 100 networks they are ten and ninety challenges."""
    await house.register(ADA)
    stored = await hash_of(house)
    nothing: dict[str, Any] = {"device": None, "challenge_answer": None}

    async def one(ip: str) -> None:
        await attempts.sign_in(house.app, email=ADA, password=WRONG, client=Client(ip=ip), **nothing)

    with house.app.database.bound():
        await asyncio.gather(*(one(HOME) for _ in range(100)))
        assert looks(stored) == 5
        found = await asyncio.gather(*(one(elsewhere(number)) for number in range(100)), return_exceptions=True)
    assert looks(stored) == 10
    assert [type(each).__name__ for each in found if each].count("ChallengeRequired") == 95


async def test_a_long_row_of_failures_leaves_devices_that_are_known(
    house: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow the attack: then nobody gets in from elsewhere until the owner has, from a device of theirs."""
    monkeypatch.setattr(attempts, "IN_A_ROW", replace(attempts.IN_A_ROW, limit=6))
    person = await house.register(ADA, device={"name": "Ada's laptop"})
    for number in range(6):
        await guess(house, ip=elsewhere(number))
    assert (await guess(house, password=PASSWORD, ip=HOME))["__typename"] == "InvalidCredentials"
    own = {"password": PASSWORD, "token": person.registered["deviceToken"]}
    assert (await guess(house, **own))["__typename"] == "LoginSuccess"
    assert (await guess(house, password=PASSWORD, ip=HOME))["__typename"] == "LoginSuccess"


async def test_a_forgiven_row_is_none(house: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has shown by a letter's link to own the account gets in again, from the device in hand too."""
    monkeypatch.setattr(attempts, "IN_A_ROW", replace(attempts.IN_A_ROW, limit=6))
    person = await house.register(ADA, device={"name": "Ada's laptop"})
    token = person.registered["deviceToken"]
    for number in range(6):
        await guess(house, ip=elsewhere(number))
    for _ in range(6):
        await guess(house, token=token)
    assert (await guess(house, password=PASSWORD, token=token))["__typename"] == "InvalidCredentials"
    with house.app.database.bound():
        await attempts.forgive(house.app, await User.get(), Client(ip=HOME))
    assert (await guess(house, password=PASSWORD, token=token))["__typename"] == "LoginSuccess"
    assert (await guess(house, password=PASSWORD, ip=HOME))["__typename"] == "LoginSuccess"


# ── devices ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_forged_device_is_no_device(house: Porchlight, looks: Callable[[str], int]) -> None:
    """A locked account opens for no token that is invented, of the attacker's own account, or forgotten."""
    ada = await house.register(ADA, device={"name": "Ada's laptop"})
    eve = await house.register("eve@example.com", device={"name": "Eve's laptop"})
    for _ in range(5):
        await guess(house)
    for token in ("x" * 43, "", eve.registered["deviceToken"]):
        assert (await guess(house, password=PASSWORD, token=token))["__typename"] == "InvalidCredentials"
    with house.app.database.bound():
        await Device.filter(user_id=ada.user_id).delete()
    own = {"password": PASSWORD, "token": ada.registered["deviceToken"]}
    assert (await guess(house, **own))["__typename"] == "InvalidCredentials"
    assert looks(await hash_of(house)) == 5


async def test_a_stolen_device_token_is_limited_as_well(house: Porchlight, looks: Callable[[str], int]) -> None:
    """Five guesses, then pauses; the owner gets in from elsewhere, for those guesses count for that device alone."""
    person = await house.register(ADA, device={"name": "Ada's laptop"})
    token = person.registered["deviceToken"]
    for number in range(12):
        await guess(house, token=token, ip=elsewhere(number))
    assert looks(await hash_of(house)) == 5
    assert (await guess(house, password=PASSWORD, token=token))["__typename"] == "InvalidCredentials"
    assert (await guess(house, password=PASSWORD))["__typename"] == "LoginSuccess"


# ── what is no failure ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_success_costs_nothing(house: Porchlight) -> None:
    """Signing in again and again uses up no limit."""
    await house.register(ADA)
    nothing: dict[str, Any] = {"device": None, "challenge_answer": None}
    with house.app.database.bound():
        for _ in range(60):
            assert await attempts.sign_in(house.app, email=ADA, password=PASSWORD, client=Client(ip=HOME), **nothing)
    assert (await guess(house, password=PASSWORD))["__typename"] == "LoginSuccess"


async def test_what_was_not_looked_at_is_not_counted(
    house: Porchlight, looks: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is too busy to compare reads nothing and counts nothing, for a sign-in and for who confirms."""
    await house.register(ADA)
    with house.app.database.bound():
        user = await User.get()
    with monkeypatch.context() as patch:
        patch.setattr(house.app.passwords._hashing, "room", 0)
        with house.counting_queries() as statements:
            assert kinds([await guess(house) for _ in range(8)]) == ["UNAVAILABLE"] * 8
        assert statements == []
        patch.setattr(house.app.limits, "count", None)
        for _ in range(6):
            with pytest.raises(Unavailable):
                await attempts.confirm(house.app, user, PASSWORD, Client(ip=HOME))
    assert kinds([await guess(house, password=PASSWORD)]) == ["LoginSuccess"]
    assert await attempts.confirm(house.app, user, PASSWORD, Client(ip=HOME))
    assert looks(user.password_hash) == 2


async def test_confirming_is_no_place_to_guess_at(house: Porchlight, looks: Callable[[str], int]) -> None:
    """Who is signed in has five tries, then pauses; sign-ins are not touched, a right one ends the row."""
    person = await house.register(ADA)
    with house.app.database.bound():
        user = await User.get()
        for password in (WRONG, WRONG, PASSWORD):
            assert await attempts.confirm(house.app, user, password, Client(ip=HOME)) is (password == PASSWORD)
        wrong = [attempts.confirm(house.app, user, WRONG, Client(ip=HOME)) for _ in range(20)]
        assert await asyncio.gather(*wrong) == [False] * 20
        assert await attempts.confirm(house.app, user, PASSWORD, Client(ip=HOME)) is False
        assert await AuditEvent.filter(action="account.sign_in_failed", user_id=person.user_id).count() == 23
    assert looks(user.password_hash) == 8
    assert (await guess(house, password=PASSWORD))["__typename"] == "LoginSuccess"


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_limits_that_are_off_count_nothing(start: Start) -> None:
    """For load and conformance runs."""
    porchlight = await start(rate_limits=False)
    person = await porchlight.register(ADA, device={"name": "Ada's laptop"})
    for _ in range(25):
        await guess(porchlight)
        await guess(porchlight, token=person.registered["deviceToken"])
    assert (await guess(porchlight, password=PASSWORD))["__typename"] == "LoginSuccess"
    with porchlight.app.database.bound():
        assert await attempts.confirm(porchlight.app, await User.get(), PASSWORD, Client())
        assert not await OneTimeToken.filter(purpose=Purpose.CHALLENGE).exists()


@pytest.mark.parametrize("settings", ["production"], indirect=True)
async def test_guesses_are_counted_in_memory_while_redis_is_lost(
    start: Start, restartable_valkey: RestartableValkey, looks: Callable[[str], int]
) -> None:
    """Those that Redis had counted for this process are not forgotten: five looks in all."""
    porchlight = await start(redis_url=restartable_valkey.url)
    await porchlight.register(ADA)
    for _ in range(3):
        await guess(porchlight)
    await restartable_valkey.kill()
    for _ in range(4):
        await guess(porchlight)
    assert looks(await hash_of(porchlight)) == 5
    assert porchlight.app.limits.degraded
    assert (await guess(porchlight, password=PASSWORD))["__typename"] == "InvalidCredentials"


async def test_a_device_that_says_nothing_of_itself_is_unknown(house: Porchlight) -> None:
    """Its token is what recognises it, and nothing else that it says."""
    person = await house.register(ADA, device={"fingerprint": "f", "name": "Ada's laptop"})
    for _ in range(5):
        await guess(house)
    said = Description(fingerprint="f", name="Ada's laptop")
    with house.app.database.bound():
        found = await attempts.sign_in(
            house.app, email=ADA, password=PASSWORD, device=said, client=Client(ip=HOME), challenge_answer=None
        )
    assert found is None
    assert person.registered["deviceToken"]


# ── the paper ───────────────────────────────────────────────────────────────────────────────────────────────────────


def spelled(seconds: float) -> str:
    """As the paper has it."""
    for unit, length in (("days", attempts.DAY), ("h", attempts.HOUR), ("s", 1.0)):
        if seconds > length or (unit == "h" and seconds == length):
            return f"{seconds / length:g} {unit}"
    raise AssertionError(seconds)


def row(name: str, allowance: Allowance) -> str:
    """A line of the paper's table."""
    pauses = ""
    if allowance.pause:
        pauses = f" after {allowance.free}: {spelled(allowance.pause)}, doubling up to {spelled(allowance.longest)}"
    return f"| {name} | {allowance.limit} | {spelled(allowance.window)} |{pauses} |"


def test_the_paper_says_what_is_counted() -> None:
    """Each limit, each threshold and each cost, as the code has them."""
    paper = (Path(__file__).parent.parent / "docs" / "brute-force.md").read_text(encoding="utf-8")
    for line in (
        row("one account from one network", attempts.HERE),
        row("one account from everywhere", attempts.ANYWHERE),
        row("one account since its last success", attempts.IN_A_ROW),
        row("one network, whichever the account", attempts.NETWORK),
        row("one account from a device that it knows", attempts.DEVICE),
        row("a signed-in user who confirms with the password", attempts.CONFIRMATION),
        f"| {attempts.RISKY_FOR_ACCOUNT} failures on the account, or {attempts.RISKY_FOR_NETWORK} from the network,",
        f"registered {challenges.UNASKED[challenges.REGISTER]} times in an hour",
        f"asked {challenges.UNASKED[challenges.RESET_PASSWORD]} times in an hour",
        f"one try of {challenges.COST:,} rounds;",
        f"a solution takes {challenges.FEWEST:,} to\n{challenges.MOST:,} of them",
    ):
        assert line in paper
    assert attempts.IN_A_ROW.limit + attempts.DEVICE.limit == 100
    assert timedelta(minutes=10) == challenges.LIFETIME
