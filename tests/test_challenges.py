"""Proof of work: asked for when risk says so, bound to what it was asked for, and good once."""

import asyncio
import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import altcha
import pytest
from altcha.v2 import Challenge

from core.setting_values import networks
from models import OneTimeToken, User
from models.one_time_tokens import Purpose
from services import attempts, challenges, keys
from services.sessions import Client
from tests.challenges import easy, solved
from tests.clock import ManualClock
from tests.conftest import Start
from tests.porchlight import LOGIN, PASSWORD, REGISTER, SECRET, Porchlight

ADA = "ada@example.com"
HERE = Client(ip="203.0.113.7")
SCOPE: dict[str, Any] = {"client": HERE, "address": ADA}


@pytest.fixture(autouse=True)  # ruff: ignore[pytest-fixture-autouse] -- each test solves challenges
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    easy(monkeypatch)


async def asked(porchlight: Porchlight, answer: str | None = None, *, of: str = "login", **scope: Any) -> Any:
    """The challenge that stands in the way; None when the answer is taken."""
    with porchlight.app.database.bound():
        try:
            await challenges.require(porchlight.app, of, answer=answer, **{**SCOPE, **scope})
        except challenges.ChallengeRequired as refusal:
            return refusal.parameters
    return None


async def used(porchlight: Porchlight) -> int:
    """How many challenges are written down."""
    with porchlight.app.database.bound():
        return await OneTimeToken.filter(purpose=Purpose.CHALLENGE).count()


def packed(payload: Any) -> str:
    return base64.b64encode(json.dumps(payload).encode()).decode()


# ── registering ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_busy_network_is_asked_before_it_registers(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the try on that is one too many; a refusal writes nothing, the answer opens, others are not meant."""
    monkeypatch.setattr(challenges, "UNASKED", {challenges.REGISTER: 2})
    porchlight = await start(trusted_proxies=networks("127.0.0.0/8"))

    async def registered(number: int, ip: str = "203.0.113.7", **more: str) -> Any:
        given = {"input": {"email": f"{number}@example.com", "password": PASSWORD, **more}}
        answer = (await porchlight.post(REGISTER, given, **{"X-Forwarded-For": ip})).json()
        return answer["data"]["register"]

    found = [await registered(number) for number in range(3)]
    assert [each["__typename"] for each in found] == ["RegisterSuccess"] * 2 + ["ChallengeRequired"]
    assert (found[2]["kind"], found[2]["message"]) == ("PROOF_OF_WORK", challenges.ChallengeRequired.message)
    with porchlight.app.database.bound():
        assert await User.all().count() == 2
    assert await used(porchlight) == 0
    assert (await registered(3, ip="198.51.100.7"))["__typename"] == "RegisterSuccess"
    answer = solved(found[2]["parameters"])
    assert (await registered(2, challengeAnswer=answer))["__typename"] == "RegisterSuccess"
    assert (await registered(4, challengeAnswer=answer))["__typename"] == "ChallengeRequired"
    with porchlight.app.database.bound():
        assert await User.all().count() == 4


async def test_a_busy_network_is_asked_before_it_has_letters_sent(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`requestPasswordReset` has no union to answer with: the challenge stands in the error's extensions."""
    monkeypatch.setattr(challenges, "UNASKED", {challenges.RESET_PASSWORD: 1})
    asking = "mutation($email: String!, $a: String) { requestPasswordReset(email: $email, challengeAnswer: $a) }"

    async def requested(email: str, answer: str | None = None) -> Any:
        return (await porchlight.post(asking, {"email": email, "a": answer})).json()

    assert (await requested("grace@example.com"))["data"] == {"requestPasswordReset": True}
    refused = (await requested(ADA))["errors"][0]["extensions"]
    assert (refused["code"], refused["retryAfter"]) == ("RATE_LIMITED", 3600)
    assert refused["challenge"]["kind"] == "PROOF_OF_WORK"
    answer = solved(refused["challenge"]["parameters"])
    assert "errors" in await requested("lise@example.com", answer)
    assert (await requested(ADA, answer))["data"] == {"requestPasswordReset": True}
    assert "errors" in await requested(ADA, answer)


async def test_what_is_no_registration_is_not_counted(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address or a password that is refused anyway costs nobody a challenge."""
    monkeypatch.setattr(challenges, "UNASKED", {challenges.REGISTER: 1})
    for given in ({"email": "no address", "password": PASSWORD}, {"email": ADA, "password": "short"}):
        assert (await porchlight.ask(REGISTER, {"input": given}))["register"]["__typename"].startswith("Invalid")
    await porchlight.register(ADA)


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_nothing_is_asked_while_limits_are_off(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """For load and conformance runs."""
    monkeypatch.setattr(challenges, "UNASKED", {challenges.REGISTER: 1})
    porchlight = await start(rate_limits=False)
    for number in range(3):
        await porchlight.register(f"{number}@example.com")


async def test_rest_asks_and_takes_the_answer(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """A problem, 403, with the parameters; `challenge_answer` is a member of the body."""
    monkeypatch.setattr(challenges, "UNASKED", {challenges.REGISTER: 1})
    await porchlight.register("grace@example.com")
    body = {"email": ADA, "password": PASSWORD}
    refused = await porchlight.http.post("/auth/register", json={**body, "challenge_answer": None})
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["kind"]) == (403, "ChallengeRequired", "PROOF_OF_WORK")
    answer = solved(problem["parameters"])
    assert (await porchlight.http.post("/auth/register", json={**body, "challenge_answer": answer})).status_code == 201
    wrong = await porchlight.http.post("/auth/register", json={**body, "challenge_answer": 1})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "BAD_USER_INPUT")


# ── one answer ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_works_once(porchlight: Porchlight) -> None:
    """Of fifty who bring it at once one passes, however they spell it; what is only handed out leaves no row."""
    parameters = await asked(porchlight)
    assert await used(porchlight) == 0
    answer = solved(parameters)
    respelled = packed(json.loads(base64.b64decode(answer)) | {"took": 1})
    answers = [answer, f" {answer}\n", respelled] * 17
    found = await asyncio.gather(*(asked(porchlight, each) for each in answers))
    assert found.count(None) == 1
    assert await used(porchlight) == 1
    with porchlight.app.database.bound():
        row = await OneTimeToken.get()
    assert (row.user_id, row.address, row.data) == (None, None, None)
    assert answer[:40] not in row.key_hash


async def test_an_answer_opens_what_it_was_asked_for(porchlight: Porchlight) -> None:
    """One action, one network, one address: anything else is asked anew, and spends nothing."""
    answer = solved(await asked(porchlight))
    others: list[dict[str, Any]] = [
        {"of": "register"},
        {"client": Client(ip="203.0.114.7")},
        {"client": Client()},
        {"address": "eve@example.com"},
        {"of": "login\n203.0.113.0/24"},
    ]
    for other in others:
        assert await asked(porchlight, answer, **other) is not None, other
    assert await used(porchlight) == 0
    assert await asked(porchlight, answer, client=Client(ip="203.0.113.99")) is None


async def test_an_answer_is_good_for_ten_minutes(porchlight: Porchlight, clock: ManualClock) -> None:
    """By the app's clock, to the second."""
    early, late = solved(await asked(porchlight)), solved(await asked(porchlight))
    await clock.advance(timedelta(seconds=599))
    assert await asked(porchlight, early) is None
    await clock.advance(timedelta(seconds=1))
    assert await asked(porchlight, late) is not None
    assert await used(porchlight) == 1


async def test_what_was_not_solved_or_not_ours_is_refused(porchlight: Porchlight) -> None:
    """Easier challenges, later expiries, other keys, no solution, no sense: each is answered by a new challenge."""
    answer = solved(await asked(porchlight))
    payload = json.loads(base64.b64decode(answer))
    challenge, solution = payload["challenge"], payload["solution"]

    def with_parameters(**changes: Any) -> str:
        return packed(payload | {"challenge": challenge | {"parameters": challenge["parameters"] | changes}})

    own = altcha.create_challenge("PBKDF2/SHA-256", 1, counter=1, hmac_secret="x", hmac_key_secret="x")
    bare = {name: value for name, value in challenge.items() if name != "signature"}
    worthless = [
        with_parameters(cost=1),
        with_parameters(keyPrefix="00"),
        with_parameters(data={"expires": 9_999_999_999}),
        with_parameters(data=None),
        with_parameters(expiresAt=1),
        with_parameters(expiresAt="soon"),
        with_parameters(keySignature=None),
        solved(own.to_dict()),
        packed(payload | {"challenge": bare}),
        packed(payload | {"solution": solution | {"derivedKey": "00" * 32}}),
        packed(payload | {"solution": solution | {"derivedKey": 1, "counter": None}}),
        packed(payload | {"solution": {}}),
        *map(packed, ([], {}, 1, None, "x", {"challenge": [], "solution": []}, {"challenge": {"parameters": "x"}})),
        "",
        "no base64!",
        "\x00",
        "é",
        base64.b64encode(b"[" * 3000).decode(),
        base64.b64encode(b'{"challenge":' * 200).decode(),
        answer + " " * challenges.LONGEST_ANSWER,
    ]
    for number, each in enumerate(worthless):
        assert await asked(porchlight, each) is not None, number
    assert await used(porchlight) == 0
    assert await asked(porchlight, answer) is None


async def test_an_answer_outlives_a_change_of_secrets(start: Start) -> None:
    """While the old one is still listed; and one that was used stays used."""
    before = await start()
    first, second = solved(await asked(before)), solved(await asked(before))
    assert await asked(before, first) is None
    after = await start(secret_key=(SECRET[::-1], SECRET))
    assert await asked(after, second) is None
    assert await asked(after, second) is not None
    with after.app.database.bound():
        await keys.rotate(after.app)
    stranger = await start(secret_key=(SECRET[::-1],))
    assert await asked(stranger, solved(await asked(before))) is not None


async def test_a_challenge_has_what_solvers_need(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form of altcha's second version, with tries between the two bounds; our expiry is not altcha's."""
    monkeypatch.setattr(challenges, "FEWEST", 7)
    monkeypatch.setattr(challenges, "MOST", 8)
    made = [await asked(porchlight) for _ in range(12)]
    counters = set()
    for each in made:
        solution = altcha.solve_challenge(Challenge.from_dict(each))
        assert solution is not None
        counters.add(solution.counter)
    assert counters == {7, 8}
    parameters = made[0]["parameters"]
    assert parameters["data"] == {"expires": int(porchlight.clock.now().timestamp()) + 600}
    assert sorted(parameters) == [
        *("algorithm", "cost", "data", "keyLength", "keyPrefix", "keySignature", "nonce", "salt")
    ]  # fmt: skip
    assert len({each["parameters"]["nonce"] for each in made}) == 12


# ── signing in ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_guess_has_its_price(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer is one guess, right or wrong; a guess that was only asked for work was none."""
    monkeypatch.setattr(attempts, "RISKY_FOR_ACCOUNT", 1)
    await porchlight.register(ADA)

    async def login(password: str, **more: str) -> Any:
        return (await porchlight.ask(LOGIN, {"input": {"email": ADA, "password": password, **more}}))["login"]

    assert (await login("wrong"))["__typename"] == "InvalidCredentials"
    required = await login(PASSWORD)
    answer = solved(required["parameters"])
    assert (await login("wrong", challengeAnswer=answer))["__typename"] == "InvalidCredentials"
    assert (await login(PASSWORD, challengeAnswer=answer))["__typename"] == "ChallengeRequired"
    answer = solved((await login(PASSWORD))["parameters"])
    assert (await login(PASSWORD, challengeAnswer=answer))["__typename"] == "LoginSuccess"
    counted = await porchlight.app.limits.count({f"failures:anywhere:{ADA}": attempts.ANYWHERE})
    assert counted.before == (2,)


async def test_a_device_that_is_known_is_not_asked(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others' failures are none of its business."""
    monkeypatch.setattr(attempts, "RISKY_FOR_ACCOUNT", 1)
    monkeypatch.setattr(attempts, "HERE", replace(attempts.HERE, free=50))
    person = await porchlight.register(ADA, device={"name": "Ada's laptop"})
    for _ in range(2):
        await porchlight.ask(LOGIN, {"input": {"email": ADA, "password": "wrong"}})
    own = {"email": ADA, "password": PASSWORD, "device": {"deviceToken": person.registered["deviceToken"]}}
    assert (await porchlight.ask(LOGIN, {"input": own}))["login"]["__typename"] == "LoginSuccess"
