"""Fraud cases: who sees them, how they are decided, what that gives, and the appeal of who was refused."""

import asyncio
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from core.errors import Forbidden
from models import OneTimeToken, Role, Trial, User
from models.audit import AuditEvent
from models.fraud import FraudAssessment, FraudCase, FraudIdentifier, FraudListEntry
from services.fraud import cases as fraud_cases
from services.fraud import lists
from services.fraud.keys import Kind
from services.fraud.lists import ListKind, ListVerdict
from services.pages import page_of
from services.sessions import Client
from tests.clock import ManualClock
from tests.mailbox import letters_to, text_of
from tests.porchlight import Person, Porchlight
from tests.sign_ups import STEPS, cases, codes, judge, refused, sign_up
from tests.staff import promote, staff

CASES = """
query Cases($first: Int, $after: String, $status: FraudCaseStatus, $decision: FraudDecision) {
  fraudCases(first: $first, after: $after, status: $status, decision: $decision) {
    totalCount
    pageInfo { hasNextPage endCursor }
    edges { node {
      id email score decision status note closedAt appealedAt appealMessage rulesVersion
      reasons { code weight explanation }
      user { email }
      linkedUsers { totalCount edges { node { email } } }
    } }
  }
}
"""
REVIEW = """
mutation Review($id: ID!, $confirm: Boolean!, $note: String) {
  reviewFraudCase(id: $id, confirm: $confirm, note: $note) {
    __typename
    ... on ReviewFraudCaseSuccess { case { status note closedAt } }
    ... on CaseAlreadyClosed { message }
  }
}
"""
APPEAL = "mutation Appeal($t: String!, $m: String!) { appealFraudDecision(appealToken: $t, message: $m) }"
NODE = "query Node($id: ID!) { node(id: $id) { __typename ... on FraudCase { email status } } }"
TAGGED = "ada+tag@example.com"
DAY = timedelta(days=1)


async def seen(porchlight: Porchlight, viewer: Person, **variables: Any) -> dict[str, Any]:
    """What `fraudCases` gives."""
    result: dict[str, Any] = (await porchlight.ask(CASES, variables, token=viewer.access_token))["fraudCases"]
    return result


async def only(porchlight: Porchlight, viewer: Person) -> dict[str, Any]:
    """The one case that there is."""
    (edge,) = (await seen(porchlight, viewer))["edges"]
    node: dict[str, Any] = edge["node"]
    return node


async def review(
    porchlight: Porchlight, viewer: Person, case: dict[str, Any], *, confirm: bool, note: str | None = None
) -> dict[str, Any]:
    """What `reviewFraudCase` answers."""
    variables = {"id": case["id"], "confirm": confirm, "note": note}
    result: dict[str, Any] = (await porchlight.ask(REVIEW, variables, token=viewer.access_token))["reviewFraudCase"]
    return result


async def reviewed(porchlight: Porchlight) -> list[AuditEvent]:
    """What the audit log says of decided cases."""
    with porchlight.app.database.bound():
        return await AuditEvent.filter(action="fraud.case_reviewed").order_by("id")


async def held_back(porchlight: Porchlight) -> dict[str, Any]:
    """A sign-up that waits for a person, under rules that say nothing of others."""
    judge(porchlight, TAGGED_ADDRESS=STEPS["REVIEW"])
    result = await sign_up(porchlight, TAGGED)
    assert (result["__typename"], result["trial"]) == ("RegisterSuccess", None)
    return result


# ── who sees them ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_cases_are_for_support_with_a_second_factor(porchlight: Porchlight) -> None:
    """Not for the world, not for users, and not for staff on a password alone."""
    await refused(porchlight)
    viewer = await staff(porchlight, Role.SUPPORT)
    case = await only(porchlight, viewer)
    user = await porchlight.register("grace@example.org")
    plain = await porchlight.register("marie@example.net")
    with porchlight.app.database.bound():
        await User.filter(id=plain.user_id).update(role=Role.SUPPORT)
    for token, code in (
        (None, "UNAUTHENTICATED"),
        (user.access_token, "FORBIDDEN"),
        (plain.access_token, "STEP_UP_REQUIRED"),
    ):
        assert await porchlight.codes(CASES, token=token) == [code]
        assert await porchlight.codes(REVIEW, {"id": case["id"], "confirm": True}, token=token) == [code]
    found = await porchlight.ask(NODE, {"id": case["id"]}, token=viewer.access_token)
    assert found == {"node": {"__typename": "FraudCase", "email": TAGGED, "status": "OPEN"}}
    for each in (user, plain):
        assert await porchlight.ask(NODE, {"id": case["id"]}, token=each.access_token) == {"node": None}


async def test_the_services_ask_for_the_permission_too(porchlight: Porchlight) -> None:
    """Whatever calls them: a guard that is forgotten opens nothing."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        user = await User.get(id=person.user_id)
        for refusing in (
            fraud_cases.page_of_cases(user, page_of(None, None, None, None), status=None),
            fraud_cases.review(porchlight.app, 1, confirm=True, note=None, actor=user, client=Client(ip=None)),
            lists.standing(porchlight.app, user),
            lists.remove(porchlight.app, 1, actor=user, client=Client(ip=None)),
        ):
            with pytest.raises(Forbidden):
                await refusing


async def test_a_case_tells_why(porchlight: Porchlight) -> None:
    """The decision, the score by the rules, and each reason with its weight and its sentence."""
    await refused(porchlight)
    case = await only(porchlight, await staff(porchlight, Role.SUPPORT))
    assert (case["decision"], case["status"], case["rulesVersion"]) == ("BLOCK", "OPEN", "of-this-test")
    assert case["score"] == pytest.approx(0.99, abs=0.001)
    assert codes(case["reasons"]) == ["BARE_CLIENT", "TAGGED_ADDRESS"]
    assert case["reasons"][1] == {"code": "TAGGED_ADDRESS", "weight": 2.2, "explanation": "The address bears a tag."}
    assert (case["user"], case["linkedUsers"]) == (None, {"totalCount": 0, "edges": []})


async def test_cases_come_page_by_page(porchlight: Porchlight) -> None:
    """The newest first; of one status alone, when asked so."""
    for name in ("ada", "grace", "marie"):
        await refused(porchlight, f"{name}@{name}.example")
    viewer = await staff(porchlight, Role.SUPPORT)
    first = await seen(porchlight, viewer, first=2)
    assert [edge["node"]["email"][:3] for edge in first["edges"]] == ["mar", "gra"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    rest = await seen(porchlight, viewer, first=2, after=first["pageInfo"]["endCursor"])
    assert [edge["node"]["email"][:3] for edge in rest["edges"]] == ["ada"]
    await review(porchlight, viewer, rest["edges"][0]["node"], confirm=True)
    assert (await seen(porchlight, viewer, status="OPEN"))["totalCount"] == 2
    assert (await seen(porchlight, viewer, status="CONFIRMED"))["totalCount"] == 1
    assert (await seen(porchlight, viewer, status="DISMISSED"))["edges"] == []


async def test_linked_users_share_a_strong_key(porchlight: Porchlight) -> None:
    """Accounts with the same card, other than that of the case itself; sharing a browser's look is no link."""
    judge(porchlight)
    for email in ("grace@example.org", "marie@example.net"):
        await sign_up(porchlight, email, paymentMethod="pm_card_x")
    await sign_up(porchlight, "emmy@example.edu")
    judge(porchlight, TAGGED_ADDRESS=STEPS["REVIEW"])
    await sign_up(porchlight, TAGGED, paymentMethod="pm_card_x")
    case = await only(porchlight, await staff(porchlight, Role.SUPPORT))
    assert case["user"] == {"email": TAGGED}
    assert [edge["node"]["email"] for edge in case["linkedUsers"]["edges"]] == [
        "marie@example.net",
        "grace@example.org",
    ]


# ── how they are decided ────────────────────────────────────────────────────────────────────────────────────────────


async def test_dismissing_begins_the_trial_that_was_held_back(porchlight: Porchlight) -> None:
    """A whole one, from now on, which counts for later sign-ups; the audit log says who decided, and about whom."""
    result = await held_back(porchlight)
    viewer = await staff(porchlight, Role.SUPPORT)
    with porchlight.app.database.bound():
        assert await FraudIdentifier.filter(kind=Kind.HELD).count() == 1
    answer = await review(porchlight, viewer, await only(porchlight, viewer), confirm=False, note="An honest mistake.")
    assert (answer["case"]["status"], answer["case"]["note"]) == ("DISMISSED", "An honest mistake.")
    with porchlight.app.database.bound():
        trial = await Trial.get(user_id=result["user"]["databaseId"])
        assert {row.granted for row in await FraudIdentifier.filter(assessment__decision="REVIEW")} == {True}
        assert not await FraudIdentifier.exists(kind=Kind.HELD)  # it no longer speaks against who comes later
    assert (trial.quota_percent, trial.started_at) == (100, porchlight.clock.now())
    (event,) = await reviewed(porchlight)
    assert (event.actor_id, event.user_id) == (viewer.user_id, result["user"]["databaseId"])


async def test_dismissing_gives_no_second_trial(porchlight: Porchlight) -> None:
    """To a person who has had one under another spelling of the address meanwhile."""
    result = await held_back(porchlight)
    assert (await sign_up(porchlight, "ada@example.com"))["trial"] is not None
    viewer = await staff(porchlight, Role.SUPPORT)
    await review(porchlight, viewer, await only(porchlight, viewer), confirm=False)
    with porchlight.app.database.bound():
        assert not await Trial.exists(user_id=result["user"]["databaseId"])
        assert not await FraudIdentifier.exists(assessment__user_id=result["user"]["databaseId"], granted=True)


async def test_confirming_keeps_what_was_held_back(porchlight: Porchlight) -> None:
    """No trial, no letter, no entry of a list."""
    result = await held_back(porchlight)
    viewer = await staff(porchlight, Role.SUPPORT)
    assert (await review(porchlight, viewer, await only(porchlight, viewer), confirm=True))["case"][
        "status"
    ] == "CONFIRMED"
    with porchlight.app.database.bound():
        assert not await Trial.exists(user_id=result["user"]["databaseId"])
        assert not await FraudListEntry.exists()
        assert await FraudIdentifier.exists(kind=Kind.HELD)


async def test_smaller_trials_can_be_listed_and_raised(porchlight: Porchlight) -> None:
    """Their cases wait for nobody: the staff asks for them by the decision."""
    judge(porchlight, TAGGED_ADDRESS=STEPS["LIMIT"])
    person = (await sign_up(porchlight, TAGGED))["user"]["databaseId"]
    await refused(porchlight, "grace@example.org")
    viewer = await staff(porchlight, Role.SUPPORT)
    assert (await seen(porchlight, viewer))["totalCount"] == 2
    found = await seen(porchlight, viewer, decision="LIMIT", status="OPEN")
    (case,) = [edge["node"] for edge in found["edges"]]
    assert (case["email"], case["decision"], found["totalCount"]) == (TAGGED, "LIMIT", 1)
    await review(porchlight, viewer, case, confirm=False)
    with porchlight.app.database.bound():
        assert (await Trial.get(user_id=person)).quota_percent == 100


async def test_dismissing_lets_in_who_was_refused(porchlight: Porchlight) -> None:
    """A letter says so, an entry lets the address pass once within 30 days, and the audit log has it."""
    await refused(porchlight)
    judge(porchlight, TAGGED_ADDRESS=2.2, BARE_CLIENT=2.4)
    assert (await sign_up(porchlight, "grace+tag@example.org"))["__typename"] == "FraudSuspected"
    judge(porchlight)
    viewer = await staff(porchlight, Role.SUPPORT)
    first = (await seen(porchlight, viewer))["edges"][1]["node"]
    assert first["email"] == TAGGED
    await review(porchlight, viewer, first, confirm=False)
    (letter,) = await letters_to(porchlight, TAGGED, "You can register")
    assert "within 30 days" in text_of(letter)
    judge(porchlight, TAGGED_ADDRESS=2.2, BARE_CLIENT=2.4)
    result = await sign_up(porchlight, TAGGED)
    assert (result["__typename"], result["trial"]["status"]) == ("RegisterSuccess", "ACTIVE")
    for other in ("ada+other@example.com", "grace+tag@example.org"):
        assert (await sign_up(porchlight, other))["__typename"] == "FraudSuspected"
    assert await changes(porchlight) == [("put", "ALLOW", None)]


async def changes(porchlight: Porchlight) -> list[tuple[str, str, str | None]]:
    """What the audit log says of the lists: what was done, the verdict, and which one stood there before."""
    with porchlight.app.database.bound():
        events = await AuditEvent.filter(action="fraud.list_changed").order_by("id")
    return [(event.data["act"], event.data["verdict"], event.data.get("before")) for event in events]


async def test_what_the_staff_said_of_an_address(porchlight: Porchlight) -> None:
    """A DENY gives way to a dismissed case, and that is written down; a later one stands; an ALLOW is not shortened."""
    viewer = await staff(porchlight, Role.SUPPORT)
    with porchlight.app.database.bound():
        actor = await User.get(id=viewer.user_id)

    async def put(email: str, verdict: ListVerdict) -> None:
        with porchlight.app.database.bound():
            await lists.put(
                porchlight.app, kind=ListKind.PERSON, value=email, verdict=verdict, reason="Seen.", days=300,
                actor=actor, client=Client(),
            )  # fmt: skip

    names = ("ada", "grace", "marie")
    for name in names:
        await refused(porchlight, f"{name}@{name}.example")
    await put("ada@ada.example", ListVerdict.DENY)
    await put("marie@marie.example", ListVerdict.ALLOW)
    for edge in (await seen(porchlight, viewer))["edges"]:
        await review(porchlight, viewer, edge["node"], confirm=False)
    await put("grace@grace.example", ListVerdict.DENY)
    judge(porchlight, DENY_LISTED=50.0, TAGGED_ADDRESS=50.0)
    found = [(await sign_up(porchlight, f"{name}+tag@{name}.example"))["__typename"] for name in names]
    assert found == ["RegisterSuccess", "FraudSuspected", "RegisterSuccess"]
    with porchlight.app.database.bound():
        assert [row.verdict for row in await FraudListEntry.all().order_by("hint")] == ["DENY", "ALLOW"]
    assert await changes(porchlight) == [
        *[("put", "DENY", None), ("put", "ALLOW", None)],
        *[("put", "ALLOW", None), ("put", "ALLOW", "DENY"), ("put", "DENY", None)],
    ]


async def test_a_case_is_decided_once(porchlight: Porchlight) -> None:
    """Also by two at the same time: the other one is told so, and the log has one event."""
    await held_back(porchlight)
    viewer = await staff(porchlight, Role.SUPPORT)
    case = await only(porchlight, viewer)
    answers = await asyncio.gather(
        *[review(porchlight, viewer, case, confirm=confirm) for confirm in (True, False, False)]
    )
    assert sorted(each["__typename"] for each in answers) == [*["CaseAlreadyClosed"] * 2, "ReviewFraudCaseSuccess"]
    assert len(await reviewed(porchlight)) == 1


async def test_what_names_no_case_is_not_found(porchlight: Porchlight) -> None:
    """A number that was never one, and an id of something else; a note that is too long is refused."""
    viewer = await staff(porchlight, Role.SUPPORT)
    await refused(porchlight)
    case = await only(porchlight, viewer)
    for wrong in ("RnJhdWRDYXNlOjk5OQ", "VXNlcjox", "nonsense"):
        assert await porchlight.codes(REVIEW, {"id": wrong, "confirm": True}, token=viewer.access_token) == [
            "NOT_FOUND"
        ]
    variables = {"id": case["id"], "confirm": True, "note": "n" * 501}
    assert await porchlight.codes(REVIEW, variables, token=viewer.access_token) == ["BAD_USER_INPUT"]


async def test_a_case_outlives_account_and_address(porchlight: Porchlight) -> None:
    """Dismissing it then gives nobody anything, and fails not."""
    await held_back(porchlight)
    viewer = await staff(porchlight, Role.SUPPORT)
    with porchlight.app.database.bound():
        await FraudAssessment.filter(decision="REVIEW").update(user_id=None, email=None)
    case = await only(porchlight, viewer)
    assert (case["email"], case["user"]) == ("", None)
    await review(porchlight, viewer, case, confirm=False)
    with porchlight.app.database.bound():
        assert not await FraudListEntry.exists()


# ── the appeal ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def appeal(porchlight: Porchlight, token: str, message: str = "It was me.") -> bool:
    """What `appealFraudDecision` answers."""
    return bool((await porchlight.ask(APPEAL, {"t": token, "m": message}))["appealFraudDecision"])


async def test_an_appeal_stands_in_the_case(porchlight: Porchlight) -> None:
    """Once: the token is spent, and what is sent with it again changes nothing, though the answer is the same."""
    token = await refused(porchlight)
    assert await appeal(porchlight, token)
    assert await appeal(porchlight, token, "Another one.")
    assert await appeal(porchlight, "x" * 43, "No token at all.")
    case = await only(porchlight, await staff(porchlight, Role.SUPPORT))
    assert (case["status"], case["appealMessage"]) == ("OPEN", "It was me.")
    assert case["appealedAt"] is not None


async def test_of_appeals_at_once_one_is_written(porchlight: Porchlight) -> None:
    """Its token is spent by one UPDATE; a token that was found and then spent elsewhere changes nothing."""
    token = await refused(porchlight)
    messages = [f"Message {number}." for number in range(4)]
    assert await asyncio.gather(*[appeal(porchlight, token, message) for message in messages]) == [True] * 4
    (case,) = await cases(porchlight)
    assert case.appeal_message in messages


async def test_a_token_that_is_spent_meanwhile_is_dead(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between finding it and spending it somebody else was faster."""
    token = await refused(porchlight)
    monkeypatch.setattr("services.one_time_tokens.spend", AsyncMock(return_value=False))
    assert await appeal(porchlight, token)
    assert [case.appealed_at for case in await cases(porchlight)] == [None]


async def test_an_appeal_opens_a_confirmed_case_again(porchlight: Porchlight) -> None:
    """A person has to look at it then; what was dismissed stays so."""
    first, second = await refused(porchlight), await refused(porchlight, "grace@example.org")
    viewer = await staff(porchlight, Role.SUPPORT)
    for edge, confirm in zip((await seen(porchlight, viewer))["edges"], (False, True), strict=True):
        await review(porchlight, viewer, edge["node"], confirm=confirm)
    assert await appeal(porchlight, first)
    assert await appeal(porchlight, second)
    found = [(case.status, case.appeal_message) for case in await cases(porchlight)]
    assert found == [("OPEN", "It was me."), ("DISMISSED", None)]


async def test_an_appeal_has_a_month(porchlight: Porchlight, clock: ManualClock) -> None:
    """After that its token is dead, and tells so to nobody."""
    token = await refused(porchlight)
    await clock.advance(30 * DAY)
    assert await appeal(porchlight, token)
    assert [case.appealed_at for case in await cases(porchlight)] == [None]


@pytest.mark.parametrize("message", ["", "   ", "m" * 2001, "a\x00b"])
async def test_an_appeal_is_a_message(porchlight: Porchlight, message: str) -> None:
    """From 1 to 2,000 printable characters; otherwise the token stays good."""
    token = await refused(porchlight)
    assert await porchlight.codes(APPEAL, {"t": token, "m": message}) == ["BAD_USER_INPUT"]
    assert await appeal(porchlight, token, "Two\nlines.")
    assert [case.appeal_message for case in await cases(porchlight)] == ["Two\nlines."]


async def test_the_page_of_an_appeal(porchlight: Porchlight) -> None:
    """Looking changes nothing; its form writes the appeal, says what is wrong with it, and tells a dead link."""
    token = await refused(porchlight)
    page = await porchlight.http.get(f"/links/appeal?token={token}")
    assert (page.status_code, "<textarea" in page.text) == (200, True)
    with porchlight.app.database.bound():
        assert not await OneTimeToken.filter(used_at__not_isnull=True).exists()
        assert not await FraudCase.filter(appealed_at__not_isnull=True).exists()
    for form, status in (({}, 422), ({"message": "It was me."}, 200), ({"message": "Again."}, 410)):
        answer = await porchlight.http.post("/links/appeal", data={"token": token, **form})
        assert answer.status_code == status
    assert [case.appeal_message for case in await cases(porchlight)] == ["It was me."]


async def test_admins_review_too(porchlight: Porchlight) -> None:
    """Their role has what support's has."""
    await refused(porchlight)
    admin = await promote(porchlight, await porchlight.register("grace@example.org"), Role.ADMIN)
    assert (await review(porchlight, admin, await only(porchlight, admin), confirm=True))["case"][
        "status"
    ] == "CONFIRMED"
