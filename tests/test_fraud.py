"""The check of sign-ups through the front door: what becomes of each decision, and what later ones see of it."""

import asyncio
from datetime import timedelta
from typing import Any, Literal

import pytest

from adapters.database.database import POOL_SIZE
from core.emails import parse_email
from core.setting_values import networks
from models import Session, Trial, TrialClaim, User
from models.fraud import FraudAssessment, FraudIdentifier
from services import fraud
from services.app import SIGN_UPS_AT_ONCE
from services.sessions import Client
from tests.challenges import easy, solved
from tests.clock import ManualClock
from tests.conftest import Start
from tests.mailbox import code_in, letters_to, text_of
from tests.plans import limits
from tests.porchlight import PASSWORD, Porchlight
from tests.sign_ups import SIGN_UP, STEPS, cases, evidence, judge, kinds, refused, sign_up

ADA, GRACE, MARIE = "ada@example.com", "grace@example.org", "marie@example.net"
TAGGED = "ada+tag@example.com"


def device(token: str | None = None, fingerprint: str | None = None) -> dict[str, Any]:
    """The input of a device."""
    return {"deviceToken": token, "fingerprint": fingerprint}


async def nobody_is_there(porchlight: Porchlight) -> bool:
    """Whether no account, session, trial or claim is kept."""
    with porchlight.app.database.bound():
        return not any([await model.exists() for model in (User, Session, Trial, TrialClaim)])


# ── what becomes of each decision ───────────────────────────────────────────────────────────────────────────────────


async def test_an_honest_sign_up_gets_its_whole_trial(porchlight: Porchlight) -> None:
    """By the rules that are shipped, too: nothing is known, and the evidence is kept with the account."""
    result = await sign_up(porchlight, ADA)
    assert (result["__typename"], result["trial"]["status"]) == ("RegisterSuccess", "ACTIVE")
    with porchlight.app.database.bound():
        assert (await Trial.get()).quota_percent == 100
        assert (await FraudAssessment.get()).email == ADA
    assert [each[:2] for each in await evidence(porchlight)] == [("ALLOW", True)]
    assert await cases(porchlight) == []


async def test_a_doubtful_sign_up_gets_a_smaller_trial(porchlight: Porchlight) -> None:
    """LIMIT: the percentage of the rules, of every meter that the plan limits."""
    limits(porchlight, "pro-monthly", **{"api-calls": 1000})
    judge(porchlight, TAGGED_ADDRESS=STEPS["LIMIT"])
    result = await sign_up(porchlight, TAGGED)
    assert {"key": "api-calls", "limit": 100} in result["trial"]["usage"]
    with porchlight.app.database.bound():
        assert (await Trial.get()).quota_percent == 10
    assert await evidence(porchlight) == [("LIMIT", True, ["TAGGED_ADDRESS"])]
    assert [case.status for case in await cases(porchlight)] == ["OPEN"]


async def test_proof_of_work_opens(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """CHALLENGE: work, where it is not the address that is doubted; a try without it leaves its mark alone."""
    easy(monkeypatch)
    judge(porchlight, BARE_CLIENT=STEPS["CHALLENGE"])
    asked = await sign_up(porchlight, ADA)
    assert (asked["__typename"], asked["kind"]) == ("ChallengeRequired", "PROOF_OF_WORK")
    assert await nobody_is_there(porchlight)
    assert (await sign_up(porchlight, ADA, challengeAnswer="nonsense"))["__typename"] == "ChallengeRequired"
    result = await sign_up(porchlight, ADA, challengeAnswer=solved(asked["parameters"]))
    assert (result["__typename"], result["trial"]["status"]) == ("RegisterSuccess", "ACTIVE")
    expected = [("CHALLENGE", False, ["BARE_CLIENT"])] * 2 + [("ALLOW", True, ["BARE_CLIENT"])]
    assert await evidence(porchlight) == expected
    assert [bool(keys) for keys in await kinds(porchlight)] == [False, False, True]


async def test_a_code_by_mail_opens_where_the_address_is_doubted(porchlight: Porchlight) -> None:
    """CHALLENGE, with a letter: a wrong code asks again, the right one opens."""
    judge(porchlight, TAGGED_ADDRESS=STEPS["CHALLENGE"])
    asked = await sign_up(porchlight, TAGGED)
    assert (asked["__typename"], asked["kind"]) == ("ChallengeRequired", "EMAIL_CODE")
    (letter,) = await letters_to(porchlight, TAGGED)
    code = code_in(text_of(letter))
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert (await sign_up(porchlight, TAGGED, challengeAnswer=wrong))["__typename"] == "ChallengeRequired"
    assert await nobody_is_there(porchlight)
    assert (await sign_up(porchlight, TAGGED, challengeAnswer=code))["__typename"] == "RegisterSuccess"
    with porchlight.app.database.bound():
        row = await FraudAssessment.filter(decision="ALLOW").get()
    assert row.features["proven"] == ["EMAIL_CODE"]


async def test_the_challenge_that_is_asked_for_is_answered(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work opens nothing where a letter is to be read; guesses at codes nobody asked for send no letter."""
    easy(monkeypatch)
    judge(porchlight)
    assert (await sign_up(porchlight, MARIE, challengeAnswer="123456"))["__typename"] == "RegisterSuccess"
    judge(porchlight, BARE_CLIENT=STEPS["CHALLENGE"])
    work = (await sign_up(porchlight, TAGGED))["parameters"]
    judge(porchlight, TAGGED_ADDRESS=STEPS["CHALLENGE"])
    assert (await sign_up(porchlight, TAGGED, challengeAnswer=solved(work)))["kind"] == "EMAIL_CODE"
    assert await letters_to(porchlight, MARIE, "Your code") == []
    assert len(await letters_to(porchlight, TAGGED, "Your code")) == 1


async def test_an_error_of_the_card_spends_no_code(porchlight: Porchlight) -> None:
    """The same answer opens, once the card is right."""
    judge(porchlight, TAGGED_ADDRESS=STEPS["CHALLENGE"])
    await sign_up(porchlight, TAGGED)
    (letter,) = await letters_to(porchlight, TAGGED)
    given = {"email": TAGGED, "password": PASSWORD, "challengeAnswer": code_in(text_of(letter))}
    wrong = {"input": {**given, "paymentMethod": "pm_unknown"}}
    assert await porchlight.codes(SIGN_UP, wrong) == ["BAD_USER_INPUT"]
    assert (await porchlight.ask(SIGN_UP, {"input": given}))["register"]["__typename"] == "RegisterSuccess"


async def test_a_sign_up_that_is_reviewed_has_an_account_and_waits(porchlight: Porchlight) -> None:
    """REVIEW: account, session, no trial and no claim on one; a case is open, and the trial counts for nobody."""
    judge(porchlight, TAGGED_ADDRESS=STEPS["REVIEW"])
    result = await sign_up(porchlight, TAGGED)
    assert (result["__typename"], result["trial"]) == ("RegisterSuccess", None)
    mine = await porchlight.ask("{ me { trial { id } } }", token=result["tokens"]["accessToken"])
    assert mine == {"me": {"trial": None}}
    with porchlight.app.database.bound():
        assert (await Trial.all().count(), await TrialClaim.all().count()) == (0, 0)
        assert not await FraudIdentifier.filter(granted=True).exists()
    (case,) = await cases(porchlight)
    assert (case.status, case.assessment.user_id) == ("OPEN", result["user"]["databaseId"])


async def test_a_refused_sign_up_leaves_evidence_alone(porchlight: Porchlight) -> None:
    """BLOCK: families as reasons, a token for the appeal; no account, session, trial or cookie, but a case."""
    judge(porchlight, TAGGED_ADDRESS=2.2, BARE_CLIENT=2.4)
    answer = await porchlight.http.post(
        "/auth/register", json={"email": TAGGED, "password": PASSWORD}, headers={"X-Cookie-Session": "1"}
    )
    body = answer.json()
    assert (answer.status_code, body["code"], "set-cookie" in answer.headers) == (403, "FraudSuspected", False)
    result = await sign_up(porchlight, "grace+tag@example.com")
    assert (result["__typename"], result["reasons"]) == ("FraudSuspected", ["BEHAVIOUR", "IDENTITY"])
    assert len(result["appealToken"]) > 20
    assert await nobody_is_there(porchlight)
    assert [each[:2] for each in await evidence(porchlight)] == [("BLOCK", False)] * 2
    assert [case.status for case in await cases(porchlight)] == ["OPEN"] * 2
    assert [{granted for _, granted in keys} for keys in await kinds(porchlight)] == [{False}, {False}]


async def test_one_family_alone_is_reviewed_and_not_refused(porchlight: Porchlight) -> None:
    """However much it weighs: a refusal needs a strong key, or a second family."""
    judge(porchlight, TAGGED_ADDRESS=50.0)
    assert (await sign_up(porchlight, TAGGED))["__typename"] == "RegisterSuccess"
    assert await evidence(porchlight) == [("REVIEW", True, ["TAGGED_ADDRESS"])]


async def test_who_has_an_account_is_told_so_and_leaves_no_evidence(porchlight: Porchlight) -> None:
    """An honest person who forgot is not called a fraud, though the person has had a trial."""
    await sign_up(porchlight, ADA)
    for weight in (0.0, 50.0):
        judge(porchlight, PERSON_KNOWN=weight)
        assert (await sign_up(porchlight, ADA))["__typename"] == "EmailTaken"
    assert [each[:2] for each in await evidence(porchlight)] == [("ALLOW", True)]


# ── what later sign-ups see ─────────────────────────────────────────────────────────────────────────────────────────


async def test_another_spelling_of_the_person_is_seen(porchlight: Porchlight) -> None:
    """The claim outlives the account, and tells it."""
    judge(porchlight, PERSON_KNOWN=50.0)
    assert (await sign_up(porchlight, ADA))["__typename"] == "RegisterSuccess"
    assert (await sign_up(porchlight, TAGGED))["reasons"] == ["IDENTITY"]


async def test_a_device_is_seen_again(porchlight: Porchlight) -> None:
    """By the token that it was given at its first sign-up; a token that was never given is nobody's."""
    judge(porchlight, DEVICE_REUSED=50.0)
    first = await sign_up(porchlight, ADA)
    again = await sign_up(porchlight, GRACE, device=device(first["deviceToken"]))
    assert (again["__typename"], again["reasons"]) == ("FraudSuspected", ["DEVICE"])
    assert (await sign_up(porchlight, MARIE, device=device("x" * 43)))["__typename"] == "RegisterSuccess"


async def test_a_card_is_seen_again(porchlight: Porchlight) -> None:
    """Whatever the address and the device; another card is another one."""
    judge(porchlight, CARD_REUSED=50.0)
    assert (await sign_up(porchlight, ADA, paymentMethod="pm_card_x"))["__typename"] == "RegisterSuccess"
    assert (await sign_up(porchlight, GRACE, paymentMethod="pm_card_x"))["reasons"] == ["PAYMENT"]
    assert (await sign_up(porchlight, MARIE, paymentMethod="pm_card_y"))["__typename"] == "RegisterSuccess"


async def test_a_rare_fingerprint_is_seen_again(porchlight: Porchlight) -> None:
    """It is no strong key: alone it lets nobody be refused. Colleagues of one domain do not count."""
    judge(porchlight, FINGERPRINT_REUSED=50.0)
    for email in (ADA, "grace@example.com", GRACE):
        await sign_up(porchlight, email, device=device(fingerprint="f" * 32))
    assert [each[0] for each in await evidence(porchlight)] == ["ALLOW", "ALLOW", "REVIEW"]


async def test_a_refused_sign_up_is_no_trial_that_counts(porchlight: Porchlight) -> None:
    """Who was refused has had nothing: the next one with the same card is not held to have had a second trial."""
    await refused(porchlight, paymentMethod="pm_card_x")
    judge(porchlight, CARD_REUSED=50.0, PERSON_KNOWN=50.0)
    assert (await sign_up(porchlight, ADA, paymentMethod="pm_card_x"))["__typename"] == "RegisterSuccess"


async def test_trials_that_follow_each_other_are_seen(porchlight: Porchlight, clock: ManualClock) -> None:
    """The third one of a chain, each begun on one device when the one before had ended; a pause breaks the chain."""
    judge(porchlight, CHAIN_OF_TRIALS=50.0)
    token = (await sign_up(porchlight, ADA))["deviceToken"]
    for name, days in (("grace", 15), ("marie", 15), ("emmy", 60)):
        await clock.advance(timedelta(days=days))
        await sign_up(porchlight, f"{name}@{name}.example", device=device(token))
    assert [each[0] for each in await evidence(porchlight)] == ["ALLOW", "ALLOW", "REVIEW", "ALLOW"]


async def test_no_address_of_a_network_is_no_obstacle(porchlight: Porchlight) -> None:
    """A client whose address nobody knows is judged by the rest."""
    known = fraud.SignUp(address=parse_email(TAGGED), client=Client(ip=None))
    judge(porchlight, TAGGED_ADDRESS=STEPS["LIMIT"])
    with porchlight.app.database.bound():
        async with porchlight.app.database.transaction():
            checked = await fraud.check(porchlight.app, known)
    assert (checked.verdict.decision, checked.features.network_kind) == (fraud.Decision.LIMIT, "UNKNOWN")


async def test_private_addresses_tell_nothing(porchlight: Porchlight) -> None:
    """Those are our own proxies: no key of a network is kept, and nobody is crowded."""
    judge(porchlight, NETWORK_BURST=50.0, OPERATOR_BURST=50.0)
    for number in range(6):
        assert (await sign_up(porchlight, f"p{number}@example.com"))["__typename"] == "RegisterSuccess"
    assert {kind for keys in await kinds(porchlight) for kind, _ in keys} == {
        *("person", "device", "domain", "twin", "profile"),
    }


async def test_a_public_network_is_seen_behind_trusted_proxies(start: Start) -> None:
    """As X-Forwarded-For tells it; a neighbour in another network is not in the crowd."""
    porchlight = await start(trusted_proxies=networks("127.0.0.0/8"))
    judge(porchlight, NETWORK_BURST=50.0)
    for email in (ADA, GRACE, MARIE, "emmy@example.edu"):
        await sign_up(porchlight, email, ip="8.8.8.8")
    await sign_up(porchlight, "sofja@example.io", ip="9.9.9.9")
    assert [each[0] for each in await evidence(porchlight)] == [*["ALLOW"] * 3, "REVIEW", "ALLOW"]
    assert {"network", "operator"} <= {kind for kind, _ in (await kinds(porchlight))[-1]}


# ── at the same time ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_of_sign_ups_at_once_with_one_card_one_passes(porchlight: Porchlight) -> None:
    """The lock of the key lets each see the one before it, in both profiles."""
    judge(porchlight, CARD_REUSED=50.0)
    emails = [f"{name}@{name}.example" for name in ("ada", "grace", "marie", "emmy")]
    found = await asyncio.gather(*[sign_up(porchlight, email, paymentMethod="pm_card_x") for email in emails])
    assert sorted(each["__typename"] for each in found) == [*["FraudSuspected"] * 3, "RegisterSuccess"]


async def test_of_sign_ups_at_once_with_one_device_none_passes(porchlight: Porchlight) -> None:
    """All of them have the token of a device on which a trial was begun."""
    judge(porchlight, DEVICE_REUSED=50.0)
    token = (await sign_up(porchlight, ADA))["deviceToken"]
    emails = [f"{name}@{name}.example" for name in ("grace", "marie", "emmy")]
    found = await asyncio.gather(*[sign_up(porchlight, email, device=device(token)) for email in emails])
    assert [each["__typename"] for each in found] == ["FraudSuspected"] * 3


class Turns(asyncio.Semaphore):
    """Turns that tell when one is waited for."""

    def __init__(self) -> None:
        super().__init__(0)
        self.wanted = asyncio.Event()

    async def acquire(self) -> Literal[True]:
        self.wanted.set()
        return await super().acquire()


async def test_who_waits_for_a_turn_holds_no_connection(porchlight: Porchlight) -> None:
    """However many wait, the database serves others; then it is their turn, and they give it back."""
    assert 1 < SIGN_UPS_AT_ONCE < POOL_SIZE
    turns = porchlight.app.sign_ups = Turns()
    waiting = [asyncio.create_task(sign_up(porchlight, f"p{number}@example.com")) for number in range(2)]
    await asyncio.wait_for(turns.wanted.wait(), 20)
    async with porchlight.app.database.transaction():
        assert not await User.exists()
    turns.release()
    assert [(await each)["__typename"] for each in waiting] == ["RegisterSuccess"] * 2


async def test_of_one_person_at_once_one_has_a_trial(porchlight: Porchlight) -> None:
    """Spellings of one address, all let pass: the claim decides, and the others have none."""
    judge(porchlight)
    found = await asyncio.gather(*[sign_up(porchlight, f"ada+{number}@example.com") for number in range(4)])
    assert sorted(each["trial"] is None for each in found) == [False, True, True, True]
    with porchlight.app.database.bound():
        assert await Trial.all().count() == 1
