"""Roles: who may do what, who may change it, and that an administrator always stays."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core.cursors import encode_id
from core.errors import NotFound, StepUpRequired, Unauthenticated
from models import AuditEvent, Role, Session, Totp, User
from schema.context import Context
from schema.directives import Auth
from services import access, accounts
from services.access import PERMISSIONS, Permission
from services.accounts import AccountClosed, AddressNotProven, administration
from services.sessions import Client
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.letters_by_hand import waiting
from tests.porchlight import LOGIN, PASSWORD, Person, Porchlight
from tests.services.valkey import until
from tests.staff import id_of, promote, staff

ME = "{ me { role } }"
ASSIGN = """
mutation Assign($user: ID!, $role: Role!) {
  assignRole(userId: $user, role: $role) {
    __typename
    ... on Error { message }
    ... on AssignRoleSuccess { user { id role email } }
  }
}
"""
SUSPEND = """
mutation Suspend($user: ID!, $reason: String!) {
  suspendUser(userId: $user, reason: $reason) {
    __typename
    ... on Error { message }
    ... on SuspendUserSuccess { user { id } }
  }
}
"""
RESTORE = "mutation Restore($user: ID!) { restoreUser(userId: $user) { id } }"
NO_IDS = ["", "x", encode_id("User", 999_999), encode_id("Trial", 1), encode_id("User", 2**40)]


async def assign(door: Porchlight, actor: Person, whose: Person, role: Role) -> str:
    result = await door.ask(ASSIGN, {"user": id_of(whose), "role": role}, token=actor.access_token)
    return str(result["assignRole"]["__typename"])


async def suspend(door: Porchlight, actor: Person, whose: Person) -> str:
    result = await door.ask(SUSPEND, {"user": id_of(whose), "reason": "farming"}, token=actor.access_token)
    return str(result["suspendUser"]["__typename"])


async def login(door: Porchlight, email: str, password: str = PASSWORD) -> dict[str, Any]:
    result: dict[str, Any] = (await door.ask(LOGIN, {"input": {"email": email, "password": password}}))["login"]
    return result


async def row_of(door: Porchlight, person: Person) -> User:
    with door.app.database.bound():
        return await User.get(id=person.user_id)


async def written(door: Porchlight, *actions: str) -> list[dict[str, Any]]:
    """What the log holds of these kinds."""
    with door.app.database.bound():
        found = AuditEvent.filter(action__in=actions).order_by("id")
        return [dict(row) for row in await found.values("action", "actor_id", "user_id", "subject", "ip", "data")]


async def notices(door: Porchlight) -> list[tuple[int, str]]:
    """Who was told what, but for new devices."""
    with door.app.database.bound():
        found = await waiting("notice")
    told = [(job.payload["user_id"], job.payload["notice"]) for job in found]
    return [(user_id, notice) for user_id, notice in told if notice != "new_device"]


async def unchanged(door: Porchlight, *people: Person) -> None:
    """Nobody's role, state or session has changed, and nothing was written down."""
    with door.app.database.bound():
        for person in people:
            user = await User.get(id=person.user_id)
            assert user.suspended_at is None
            assert await Session.filter(user_id=person.user_id, revoked_at=None).exists()
    assert await written(door, "account.role_assigned", "account.suspended", "account.restored") == []
    assert await notices(door) == []


# ── the table ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_role_may_what_the_table_says() -> None:
    """Everybody is a USER, an ADMIN is everything, SUPPORT and ANALYST are not each other."""
    includes = {role: {other for other in Role if access.has_role(User(role=role), other)} for role in Role}
    assert includes == {
        Role.USER: {Role.USER},
        Role.SUPPORT: {Role.USER, Role.SUPPORT},
        Role.ANALYST: {Role.USER, Role.ANALYST},
        Role.ADMIN: set(Role),
    }


def test_permissions_of_each_role_are_pinned() -> None:
    """A permission that a role gains or loses is a decision, not a slip."""
    assert {role: sorted(permissions) for role, permissions in PERMISSIONS.items()} == {
        Role.USER: [],
        Role.SUPPORT: ["extend_trials", "read_users", "record_usage", "review_fraud", "suspend_users"],
        Role.ANALYST: ["read_figures"],
        Role.ADMIN: sorted(Permission),
    }
    assert access.has_permission(User(role=Role.SUPPORT), Permission.READ_USERS)
    assert not access.has_permission(User(role=Role.ANALYST), Permission.READ_USERS)


# ── who may ask ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("role", "assigning", "suspending"),
    [
        (None, ["UNAUTHENTICATED"], ["UNAUTHENTICATED"]),
        (Role.USER, ["FORBIDDEN"], ["FORBIDDEN"]),
        (Role.ANALYST, ["FORBIDDEN"], ["FORBIDDEN"]),
        (Role.SUPPORT, ["FORBIDDEN"], []),
        (Role.ADMIN, [], []),
    ],
)
async def test_administering_is_for_those_who_may(
    porchlight: Porchlight, role: Role | None, assigning: list[str], suspending: list[str]
) -> None:
    """A refusal changes nothing."""
    whose = await porchlight.register()
    actor = await staff(porchlight, role or Role.USER, "actor@example.com")
    token = actor.access_token if role else None
    if assigning:
        assert await porchlight.codes(ASSIGN, {"user": id_of(whose), "role": "ADMIN"}, token=token) == assigning
    if suspending:
        variables = {"user": id_of(whose), "reason": "x"}
        assert await porchlight.codes(SUSPEND, variables, token=token) == suspending
        assert await porchlight.codes(RESTORE, {"user": id_of(whose)}, token=token) == suspending
        await unchanged(porchlight, whose, actor)
    else:
        assert await suspend(porchlight, actor, whose) == "SuspendUserSuccess"
    if role is Role.ADMIN:
        other = await porchlight.register("other@example.com")
        assert await assign(porchlight, actor, other, Role.SUPPORT) == "AssignRoleSuccess"
    else:
        assert (await row_of(porchlight, whose)).role is Role.USER


async def test_administering_asks_for_a_fresh_second_factor(porchlight: Porchlight, clock: ManualClock) -> None:
    """A password is not enough for staff, and ten minutes later the factor has to be used again."""
    whose, actor = await porchlight.register(), await porchlight.register("actor@example.com")
    user = {"user": id_of(whose)}
    asked = [(ASSIGN, {**user, "role": "SUPPORT"}), (SUSPEND, {**user, "reason": "x"}), (RESTORE, user)]
    with porchlight.app.database.bound():
        await User.filter(id=actor.user_id).update(role=Role.ADMIN)

    async def codes() -> list[list[str]]:
        return [await porchlight.codes(query, given, token=actor.access_token) for query, given in asked]

    assert await codes() == [["STEP_UP_REQUIRED"]] * 3
    await promote(porchlight, actor, Role.ADMIN)
    with porchlight.app.database.bound():
        await Session.filter(user_id=actor.user_id).update(factor_at=clock.now() - timedelta(seconds=601))
    assert await codes() == [["STEP_UP_REQUIRED"]] * 3
    await unchanged(porchlight, whose)
    with porchlight.app.database.bound():
        await Session.filter(user_id=actor.user_id).update(factor_at=clock.now() - timedelta(seconds=600))
    assert await codes() == [[]] * 3


async def test_fields_that_add_a_factor_say_what_all_others_say(porchlight: Porchlight, clock: ManualClock) -> None:
    """The same directive is printed; the password passes for the first factor alone, and only while it is fresh."""
    admin = await porchlight.register()
    with porchlight.app.database.bound():
        await User.filter(id=admin.user_id).update(role=Role.ADMIN)
        viewer = await access.authenticate(porchlight.app, admin.access_token)
    context = Context(app=porchlight.app, client=Client(), viewer=viewer)
    enrolling, other = Auth(assurance=2, max_age=600, adds_factor=True), Auth(assurance=2, max_age=600)
    assert enrolling.directive() == other.directive()
    with porchlight.app.database.bound():
        await enrolling.check(context, "enrollTotp", {})
        with pytest.raises(StepUpRequired):
            await other.check(context, "changePassword", {})
        await Totp.create(user_id=admin.user_id, sealed_secret="x", created_at=START, confirmed_at=START)
        with pytest.raises(StepUpRequired):
            await enrolling.check(context, "enrollTotp", {})
        await Totp.all().delete()
        mine = Session.filter(id=viewer.session.id)
        await mine.update(password_at=clock.now() - timedelta(seconds=601))
        with pytest.raises(StepUpRequired):
            await enrolling.check(context, "enrollTotp", {})
        await mine.update(password_at=None)
        with pytest.raises(StepUpRequired):
            await enrolling.check(context, "enrollTotp", {})
        context.viewer = None
        with pytest.raises(Unauthenticated):
            await enrolling.check(context, "enrollTotp", {})


@pytest.mark.parametrize("global_id", NO_IDS)
async def test_nobody_is_not_found(porchlight: Porchlight, global_id: str) -> None:
    """Unknown, malformed or of another kind: NOT_FOUND, whatever is asked."""
    admin = await staff(porchlight, Role.ADMIN)
    user = {"user": global_id}
    for query, given in (
        (ASSIGN, {**user, "role": "SUPPORT"}),
        (SUSPEND, {**user, "reason": "x"}),
        (RESTORE, user),
    ):
        assert await porchlight.codes(query, given, token=admin.access_token) == ["NOT_FOUND"]
    await unchanged(porchlight, admin)


@pytest.mark.parametrize("reason", ["", " \n", "x" * 501, "a\0b"])
async def test_suspending_wants_a_reason(porchlight: Porchlight, reason: str) -> None:
    """From 1 to 500 characters that can be read."""
    admin, whose = await staff(porchlight, Role.ADMIN), await porchlight.register()
    variables = {"user": id_of(whose), "reason": reason}
    assert await porchlight.codes(SUSPEND, variables, token=admin.access_token) == ["BAD_USER_INPUT"]
    await unchanged(porchlight, whose)


# ── roles ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_role_is_given_and_the_user_signs_in_again(porchlight: Porchlight) -> None:
    """All sessions end, also when the role is raised; it is written down, and its owner is told."""
    admin, ada = await staff(porchlight, Role.ADMIN), await porchlight.register()
    second = await login(porchlight, ada.email)
    variables = {"user": id_of(ada), "role": "SUPPORT"}
    with porchlight.counting_queries() as statements:
        result = (await porchlight.ask(ASSIGN, variables, token=admin.access_token))["assignRole"]
    assert result["user"] == {"id": id_of(ada), "role": "SUPPORT", "email": ada.email}
    assert len([line for line in statements if not line.startswith(("BEGIN", "COMMIT"))]) <= 9, statements
    for token in (ada.access_token, second["tokens"]["accessToken"]):
        assert (await porchlight.post(ME, token=token)).status_code == 401
    assert (await porchlight.refresh(ada.refresh_token))["__typename"] == "SessionRevoked"
    assert await written(porchlight, "account.role_assigned") == [
        {
            "action": "account.role_assigned",
            "actor_id": admin.user_id,
            "user_id": ada.user_id,
            "subject": f"User:{ada.user_id}",
            "ip": "127.0.0.1",
            "data": {"from": "USER", "to": "SUPPORT"},
        }
    ]
    assert await notices(porchlight) == [(ada.user_id, "role_changed")]
    again = await login(porchlight, ada.email)
    assert await porchlight.ask(ME, token=again["tokens"]["accessToken"]) == {"me": {"role": "SUPPORT"}}
    assert await assign(porchlight, admin, ada, Role.ADMIN) == "AssignRoleSuccess"
    assert (await row_of(porchlight, ada)).role is Role.ADMIN
    assert (await porchlight.post(ME, token=admin.access_token)).status_code == 200


async def test_the_same_role_changes_nothing(porchlight: Porchlight) -> None:
    """No session ends, nothing is written, nobody is told."""
    admin, ada = await staff(porchlight, Role.ADMIN), await porchlight.register()
    assert await assign(porchlight, admin, ada, Role.USER) == "AssignRoleSuccess"
    assert await assign(porchlight, admin, admin, Role.ADMIN) == "AssignRoleSuccess"
    await unchanged(porchlight, admin, ada)


@pytest.mark.parametrize("state", [{"suspended_at": START}, {"deletion_at": START + timedelta(days=3)}])
@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ANALYST, Role.ADMIN])
async def test_a_closed_account_gets_no_role(porchlight: Porchlight, role: Role, state: dict[str, Any]) -> None:
    """A suspended one would have it when it is restored, and one that is going to be deleted would take it along."""
    admin, ada = await staff(porchlight, Role.ADMIN), await porchlight.register()
    with porchlight.app.database.bound():
        await User.filter(id=ada.user_id).update(**state)
    variables = {"user": id_of(ada), "role": role}
    [error] = (await porchlight.post(ASSIGN, variables, token=admin.access_token)).json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "This account is suspended or is going to be deleted: it gets no role."
    row = await row_of(porchlight, ada)
    assert row.role is Role.USER
    assert {name: getattr(row, name) for name in state} == state
    assert await written(porchlight, "account.role_assigned", "account.deletion_canceled") == []
    assert await notices(porchlight) == []
    with porchlight.app.database.bound():
        assert await Session.filter(user_id=ada.user_id, revoked_at=None).exists()


async def test_a_suspended_account_loses_its_role(porchlight: Porchlight) -> None:
    """It need not be restored first, with the role that somebody misused."""
    admin, bob = await staff(porchlight, Role.ADMIN), await staff(porchlight, Role.SUPPORT, "bob@example.com")
    assert await suspend(porchlight, admin, bob) == "SuspendUserSuccess"
    assert await assign(porchlight, admin, bob, Role.USER) == "AssignRoleSuccess"
    row = await row_of(porchlight, bob)
    assert (row.role, row.suspended_at) == (Role.USER, START)


async def test_processes_are_told_after_the_change(porchlight: Porchlight) -> None:
    """Who listens for changed users finds the row changed already."""
    admin, ada = await staff(porchlight, Role.ADMIN), await porchlight.register()
    heard: list[str] = []
    unsubscribe = porchlight.app.bus.subscribe("users.changed", heard.append, resync=lambda: None)
    await assign(porchlight, admin, ada, Role.ANALYST)
    await until(lambda: heard == [str(ada.user_id)])
    await suspend(porchlight, admin, ada)
    await porchlight.ask(RESTORE, {"user": id_of(ada)}, token=admin.access_token)
    await until(lambda: heard == [str(ada.user_id)] * 3)
    unsubscribe()


@pytest.mark.parametrize("role", [Role.USER, Role.SUPPORT, Role.ANALYST])
async def test_nobody_raises_their_own_role(porchlight: Porchlight, role: Role) -> None:
    """Not a second factor nor a lowered administrator's memory of better days helps."""
    person = await staff(porchlight, role)
    for wanted in Role:
        variables = {"user": id_of(person), "role": wanted}
        assert await porchlight.codes(ASSIGN, variables, token=person.access_token) == ["FORBIDDEN"]
    assert (await row_of(porchlight, person)).role is role
    await unchanged(porchlight, person)


async def test_an_administrator_lowers_themselves_and_is_signed_out(porchlight: Porchlight) -> None:
    """As long as somebody else is one; afterwards the way back is closed."""
    grace, ada = await staff(porchlight, Role.ADMIN, "grace@example.com"), await staff(porchlight, Role.ADMIN)
    assert await assign(porchlight, ada, ada, Role.SUPPORT) == "AssignRoleSuccess"
    assert (await porchlight.post(ME, token=ada.access_token)).status_code == 401
    tokens = (await login(porchlight, ada.email))["tokens"]
    await promote(porchlight, ada, Role.SUPPORT)
    variables = {"user": id_of(ada), "role": "ADMIN"}
    assert await porchlight.codes(ASSIGN, variables, token=tokens["accessToken"]) == ["FORBIDDEN"]
    assert await assign(porchlight, grace, grace, Role.USER) == "LastAdministrator"


@pytest.mark.parametrize("other", [None, {"suspended_at": START}, {"deletion_at": START + timedelta(days=9)}])
async def test_the_last_administrator_stays(porchlight: Porchlight, other: dict[str, Any] | None) -> None:
    """One that is suspended or going to be deleted does not count."""
    admin = await staff(porchlight, Role.ADMIN)
    if other:
        gone = await staff(porchlight, Role.ADMIN, "gone@example.com")
        with porchlight.app.database.bound():
            await User.filter(id=gone.user_id).update(**other)
    for role in (Role.USER, Role.SUPPORT, Role.ANALYST):
        assert await assign(porchlight, admin, admin, role) == "LastAdministrator"
    assert await suspend(porchlight, admin, admin) == "LastAdministrator"
    assert (await row_of(porchlight, admin)).role is Role.ADMIN
    await unchanged(porchlight, admin)


@pytest.mark.parametrize("act", [lambda d, a, b: assign(d, a, b, Role.USER), suspend], ids=["demote", "suspend"])
async def test_two_administrators_who_turn_on_each_other_leave_one(start: Start, act: Callable[..., Any]) -> None:
    """At the same moment, on two processes: one succeeds, whoever it is, and administers on."""
    one, two = await start(), await start()
    ada, bob = await staff(one, Role.ADMIN, "ada@example.com"), await staff(one, Role.ADMIN, "bob@example.com")
    for _ in range(5):
        answers = await asyncio.gather(act(one, ada, bob), act(two, bob, ada), return_exceptions=True)
        done = [answer for answer in answers if isinstance(answer, str) and answer.endswith("Success")]
        assert len(done) == 1, answers
        with one.app.database.bound():
            left = await User.filter(role=Role.ADMIN, suspended_at=None).values_list("email", flat=True)
            assert len(left) == 1
            await User.filter(id__in=[ada.user_id, bob.user_id]).update(role=Role.ADMIN, suspended_at=None)
            await Session.filter(user_id__in=[ada.user_id, bob.user_id]).update(revoked_at=None)


async def test_twenty_administrators_who_step_down_at_once_leave_one(start: Start) -> None:
    """Each lowers themselves; nineteen may."""
    doors = [await start(), await start()]
    people = [await staff(doors[0], Role.ADMIN, f"admin{number}@example.com") for number in range(20)]
    answers = await asyncio.gather(
        *(assign(doors[number % 2], person, person, Role.USER) for number, person in enumerate(people))
    )
    assert sorted(answers) == ["AssignRoleSuccess"] * 19 + ["LastAdministrator"]
    with doors[0].app.database.bound():
        assert await User.filter(role=Role.ADMIN).count() == 1


async def test_who_loses_the_role_meanwhile_may_not_go_on(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The actor is demoted after the guard has let them pass, just before the transaction looks: it is refused."""
    admin, ada = await staff(porchlight, Role.ADMIN), await porchlight.register()
    await staff(porchlight, Role.ADMIN, "other@example.com")
    locked = administration._locked

    async def demoted_first(*ids: int) -> dict[int, User]:
        await User.filter(id=admin.user_id).update(role=Role.USER)
        return await locked(*ids)

    monkeypatch.setattr(administration, "_locked", demoted_first)
    variables = {"user": id_of(ada), "role": "ADMIN"}
    assert await porchlight.codes(ASSIGN, variables, token=admin.access_token) == ["FORBIDDEN"]
    assert (await row_of(porchlight, ada)).role is Role.USER
    await promote(porchlight, admin, Role.ADMIN)
    variables = {"user": id_of(ada), "reason": "x"}
    assert await porchlight.codes(SUSPEND, variables, token=admin.access_token) == ["FORBIDDEN"]
    await unchanged(porchlight, ada)


# ── suspending ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_suspended_account_is_signed_out_and_stays_out(porchlight: Porchlight) -> None:
    """Only the right password tells why; it is written down with its reason, once, and its owner is told."""
    support, ada = await staff(porchlight, Role.SUPPORT), await porchlight.register()
    for _ in range(2):
        assert await suspend(porchlight, support, ada) == "SuspendUserSuccess"
    assert (await porchlight.post(ME, token=ada.access_token)).status_code == 401
    assert (await porchlight.refresh(ada.refresh_token))["__typename"] == "SessionRevoked"
    assert (await login(porchlight, ada.email))["__typename"] == "AccountSuspended"
    assert (await login(porchlight, ada.email, "a wrong password"))["__typename"] == "InvalidCredentials"
    assert await written(porchlight, "account.suspended") == [
        {
            "action": "account.suspended",
            "actor_id": support.user_id,
            "user_id": ada.user_id,
            "subject": f"User:{ada.user_id}",
            "ip": "127.0.0.1",
            "data": {"reason": "farming"},
        }
    ]
    assert await notices(porchlight) == [(ada.user_id, "suspended")]


async def test_a_restored_account_signs_in_again(porchlight: Porchlight) -> None:
    """Restoring twice changes nothing; the sessions of before stay ended."""
    support, ada = await staff(porchlight, Role.SUPPORT), await porchlight.register()
    await porchlight.ask(RESTORE, {"user": id_of(ada)}, token=support.access_token)
    await unchanged(porchlight, ada)
    await suspend(porchlight, support, ada)
    for _ in range(2):
        result = await porchlight.ask(RESTORE, {"user": id_of(ada)}, token=support.access_token)
        assert result == {"restoreUser": {"id": id_of(ada)}}
    assert (await porchlight.post(ME, token=ada.access_token)).status_code == 401
    assert (await login(porchlight, ada.email))["__typename"] == "LoginSuccess"
    assert [event["action"] for event in await written(porchlight, "account.suspended", "account.restored")] == [
        "account.suspended",
        "account.restored",
    ]
    assert await notices(porchlight) == [(ada.user_id, "suspended"), (ada.user_id, "restored")]


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ANALYST, Role.ADMIN])
async def test_support_does_not_reach_staff(porchlight: Porchlight, role: Role) -> None:
    """Neither to suspend them nor to restore them, themselves included; administrators reach everybody."""
    support, admin = await staff(porchlight, Role.SUPPORT), await staff(porchlight, Role.ADMIN)
    other = await staff(porchlight, role, "other@example.com")
    for whose in (other, support):
        variables = {"user": id_of(whose)}
        asked = ((SUSPEND, {**variables, "reason": "x"}), (RESTORE, variables))
        for query, given in asked:
            assert await porchlight.codes(query, given, token=support.access_token) == ["NOT_FOUND"]
    await unchanged(porchlight, other, support)
    assert await suspend(porchlight, admin, other) == "SuspendUserSuccess"
    assert await porchlight.codes(RESTORE, {"user": id_of(other)}, token=support.access_token) == ["NOT_FOUND"]
    assert (await row_of(porchlight, other)).suspended_at == START
    assert await porchlight.codes(RESTORE, {"user": id_of(other)}, token=admin.access_token) == []


async def test_ten_suspensions_at_once_are_one(start: Start) -> None:
    """On two processes: one event, one letter."""
    one, two = await start(), await start()
    support, ada = await staff(one, Role.SUPPORT), await one.register()
    answers = await asyncio.gather(*(suspend(door, support, ada) for door in (one, two) for _ in range(5)))
    assert set(answers) == {"SuspendUserSuccess"}
    assert len(await written(one, "account.suspended")) == 1
    assert len(await notices(one)) == 1


# ── from the machine ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_first_administrator_is_made_from_the_machine(porchlight: Porchlight) -> None:
    """Once the address is proven. Written down without an actor; signed out and told. Twice is as once."""
    ada, app = await porchlight.register(), porchlight.app
    with app.database.bound():
        with pytest.raises(AddressNotProven):
            await accounts.make_administrator(app, ada.email)
        await unchanged(porchlight, ada)
        await User.filter(id=ada.user_id).update(email_verified_at=START)
        for _ in range(2):
            user = await accounts.make_administrator(app, " ADA@example.com")
            assert (user.id, user.role) == (ada.user_id, Role.ADMIN)
        with pytest.raises(NotFound):
            await accounts.make_administrator(app, "nobody@example.com")
    assert (await porchlight.post(ME, token=ada.access_token)).status_code == 401
    [event] = await written(porchlight, "account.role_assigned")
    assert (event["actor_id"], event["user_id"], event["data"]) == (None, ada.user_id, {"from": "USER", "to": "ADMIN"})
    assert await notices(porchlight) == [(ada.user_id, "role_changed")]


@pytest.mark.parametrize("state", [{"suspended_at": START}, {"deletion_at": START}])
async def test_a_closed_account_is_made_no_administrator(porchlight: Porchlight, state: dict[str, Any]) -> None:
    """It would be one that nobody can use."""
    ada, app = await porchlight.register(), porchlight.app
    with app.database.bound():
        await User.filter(id=ada.user_id).update(email_verified_at=START, **state)
        with pytest.raises(AccountClosed):
            await accounts.make_administrator(app, ada.email)
    assert (await row_of(porchlight, ada)).role is Role.USER
    assert await written(porchlight, "account.role_assigned") == []
