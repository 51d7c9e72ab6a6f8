"""Letters that prove and change an address, and profiles, through the front door."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from models import AuditEvent, Job, OneTimeToken, Trial, User
from models.accounts import Role
from services.accounts import email_change, verification
from tests.clock import ManualClock
from tests.conftest import Start
from tests.letters_by_hand import send
from tests.mailbox import letter_to, letters_to, link_in, settled, token_in
from tests.porchlight import LOGIN, PASSWORD, Person, Porchlight

VERIFY = """mutation($t: String!) { verifyEmail(token: $t) {
  __typename ... on Error { message } ... on VerifyEmailSuccess { email } } }"""
RESEND = "mutation { resendVerificationEmail }"
CHANGE = """mutation($e: String!) { requestEmailChange(newEmail: $e) {
  __typename ... on Error { message } ... on RequestEmailChangeSuccess { email } } }"""
CONFIRM = """mutation($t: String!) { confirmEmailChange(token: $t) {
  __typename ... on Error { message } ... on ConfirmEmailChangeSuccess { email } } }"""
ME = "{ me { email emailVerified name locale timezone } }"
DEAD = {"__typename": "InvalidToken", "message": "This link does not work any more. Ask for a new one."}
KINDS = {"SELECT", "INSERT", "UPDATE", "DELETE"}
WELCOME, CONFIRM_LETTER, NEW_ADDRESS = "Welcome", "Confirm your e-mail", "Confirm your new"


async def verify(porchlight: Porchlight, token: str) -> dict[str, Any]:
    result: dict[str, Any] = (await porchlight.ask(VERIFY, {"t": token}))["verifyEmail"]
    return result


async def change(porchlight: Porchlight, person: Person, email: str) -> dict[str, Any]:
    data = await porchlight.ask(CHANGE, {"e": email}, token=person.access_token)
    result: dict[str, Any] = data["requestEmailChange"]
    return result


async def confirm(porchlight: Porchlight, token: str) -> dict[str, Any]:
    result: dict[str, Any] = (await porchlight.ask(CONFIRM, {"t": token}))["confirmEmailChange"]
    return result


async def me(porchlight: Porchlight, person: Person) -> dict[str, Any]:
    result: dict[str, Any] = (await porchlight.ask(ME, token=person.access_token))["me"]
    return result


async def actions(porchlight: Porchlight) -> list[str]:
    with porchlight.app.database.bound():
        return [event.action for event in await AuditEvent.all().order_by("id")]


async def test_nobody_asks_for_letters_of_an_account(porchlight: Porchlight) -> None:
    """Who is not signed in gets none, and writes no job."""
    for operation, variables in ((RESEND, None), (CHANGE, {"e": "new@example.com"})):
        assert await porchlight.codes(operation, variables) == ["UNAUTHENTICATED"]
    with porchlight.app.database.bound():
        assert not await Job.filter(kind="mail.send").exists()


async def test_the_welcome_letter_proves_the_address(porchlight: Porchlight) -> None:
    """Its link, once: the address is proven, and that is written down."""
    person = await porchlight.register()
    assert not (await me(porchlight, person))["emailVerified"]
    token = token_in(await letter_to(porchlight, person.email, WELCOME))
    assert await verify(porchlight, token) == {"__typename": "VerifyEmailSuccess", "email": person.email}
    assert (await me(porchlight, person))["emailVerified"]
    assert await verify(porchlight, token) == DEAD
    assert await actions(porchlight) == ["account.registered", "email.verified"]


async def test_a_link_that_comes_twice_at_once_works_once(porchlight: Porchlight) -> None:
    """One UPDATE decides; the other one is told that the link is spent."""
    person = await porchlight.register()
    token = token_in(await letter_to(porchlight, person.email, WELCOME))
    answers = await asyncio.gather(*(verify(porchlight, token) for _ in range(5)))
    assert sorted(answer["__typename"] for answer in answers) == ["InvalidToken"] * 4 + ["VerifyEmailSuccess"]
    assert (await actions(porchlight)).count("email.verified") == 1


async def test_verification_lasts_a_day(porchlight: Porchlight, clock: ManualClock) -> None:
    """To the second; a link that has expired proves nothing."""
    person = await porchlight.register()
    token = token_in(await letter_to(porchlight, person.email, WELCOME))
    await clock.advance(timedelta(hours=24))
    assert await verify(porchlight, token) == DEAD
    with porchlight.app.database.bound():
        assert (await User.get()).email_verified_at is None


@pytest.mark.parametrize("token", ["", "x", "é" * 43, "A" * 43, "A" * 5000])
async def test_what_is_no_token_proves_nothing(porchlight: Porchlight, token: str) -> None:
    """The same answer to whatever it is."""
    assert await verify(porchlight, token) == DEAD
    assert await confirm(porchlight, token) == DEAD


async def test_a_token_is_good_for_its_purpose_alone(porchlight: Porchlight) -> None:
    """The link that proves an address neither changes one nor is spent by the try."""
    person = await porchlight.register()
    token = token_in(await letter_to(porchlight, person.email, WELCOME))
    assert await confirm(porchlight, token) == DEAD
    assert (await verify(porchlight, token))["__typename"] == "VerifyEmailSuccess"


async def test_another_letter_voids_the_older_ones(porchlight: Porchlight, clock: ManualClock) -> None:
    """Once a minute at most; the newest link alone works, and whoever is proven gets none."""
    person = await porchlight.register()
    old = token_in(await letter_to(porchlight, person.email, WELCOME))
    for _ in range(2):
        assert await porchlight.ask(RESEND, token=person.access_token) == {"resendVerificationEmail": True}
    [letter] = await letters_to(porchlight, person.email, CONFIRM_LETTER)
    assert letter["Subject"] == "Confirm your e-mail address"
    assert await verify(porchlight, old) == DEAD
    assert (await verify(porchlight, token_in(await letter_to(porchlight, person.email, CONFIRM_LETTER))))[
        "__typename"
    ] == "VerifyEmailSuccess"
    await clock.advance(timedelta(minutes=1))
    assert await porchlight.ask(RESEND, token=person.access_token) == {"resendVerificationEmail": True}
    assert len(await letters_to(porchlight, person.email, CONFIRM_LETTER)) == 1


async def test_letters_to_be_sent_hold_no_token(porchlight: Porchlight) -> None:
    """Tokens are made when a letter is sent: neither the jobs nor the tokens' rows give one away."""
    person = await porchlight.register()
    await porchlight.ask(RESEND, token=person.access_token)
    token = token_in(await letter_to(porchlight, person.email, CONFIRM_LETTER))
    with porchlight.app.database.bound():
        rows = [str(row) for row in await Job.all().values()] + [str(row) for row in await OneTimeToken.all().values()]
    assert rows
    assert not [row for row in rows if token in row]


async def test_letters_for_who_has_gone_are_not_sent(porchlight: Porchlight) -> None:
    """Their jobs end in silence."""
    with porchlight.app.database.bound():
        await send(porchlight.app, verification.LETTER, {"user_id": 999}, delivery="1")
        gone = {"user_id": 999, "from": "a@example.com", "written": "b@example.com", "key": "b@example.com"}
        await send(porchlight.app, email_change.LETTER, gone, delivery="2")
        assert await OneTimeToken.all().count() == 0


async def test_changing_the_address_asks_who_one_is(porchlight: Porchlight, clock: ManualClock) -> None:
    """Ten minutes after the password, or on the staff without a second factor, nothing is changed."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        await User.all().update(role=Role.SUPPORT)
    assert await porchlight.codes(CHANGE, {"e": "new@example.com"}, token=person.access_token) == ["STEP_UP_REQUIRED"]
    with porchlight.app.database.bound():
        await User.all().update(role=Role.USER)
    await clock.advance(timedelta(minutes=10, seconds=1))
    tokens = (await porchlight.refresh(person.refresh_token))["tokens"]
    assert await porchlight.codes(CHANGE, {"e": "new@example.com"}, token=tokens["accessToken"]) == ["STEP_UP_REQUIRED"]
    assert await letters_to(porchlight, "new@example.com") == []


async def test_the_new_address_is_confirmed_before_anything_moves(porchlight: Porchlight) -> None:
    """The old one is told at once; after the link both are, sign-in is by the new one, and the trial stays."""
    person = await porchlight.register()
    with porchlight.app.database.bound():
        before = (await Trial.get()).person_key
    assert await change(porchlight, person, "Ada@NEW.example") == {
        "__typename": "RequestEmailChangeSuccess",
        "email": "Ada@NEW.example",
    }
    assert len(await letters_to(porchlight, person.email, "Your e-mail address is to be changed")) == 1
    assert (await me(porchlight, person))["email"] == person.email
    token = token_in(await letter_to(porchlight, "Ada@new.example", NEW_ADDRESS))
    assert await confirm(porchlight, token) == {"__typename": "ConfirmEmailChangeSuccess", "email": "Ada@NEW.example"}
    assert await me(porchlight, person) == {
        "email": "Ada@NEW.example", "emailVerified": True, "name": None, "locale": None, "timezone": None
    }  # fmt: skip
    for address in (person.email, "Ada@new.example"):
        assert len(await letters_to(porchlight, address, "Your e-mail address has been changed")) == 1
    answers = [
        (await porchlight.ask(LOGIN, {"input": {"email": email, "password": PASSWORD}}))["login"]["__typename"]
        for email in (person.email, "ada@new.example")
    ]
    assert answers == ["InvalidCredentials", "LoginSuccess"]
    assert await confirm(porchlight, token) == DEAD
    with porchlight.app.database.bound():
        assert (await Trial.get()).person_key == before
    assert (await actions(porchlight))[1:3] == ["email.change_requested", "email.changed"]


async def test_links_to_the_old_address_die_with_the_change(porchlight: Porchlight) -> None:
    """Whoever reads the old mailbox gets in no more: reset, sign-in and proof are void."""
    person = await porchlight.register()
    await porchlight.ask(
        'mutation { requestPasswordReset(email: "ada@example.com") requestMagicLink(email: "ada@example.com") }'
    )
    await change(porchlight, person, "new@example.com")
    tokens = [
        token_in(await letter_to(porchlight, person.email, subject))
        for subject in (WELCOME, "Set a new password", "Sign in to")
    ]
    await confirm(porchlight, token_in(await letter_to(porchlight, "new@example.com", NEW_ADDRESS)))
    assert await verify(porchlight, tokens[0]) == DEAD
    data = await porchlight.ask(
        'mutation($r: String!, $m: String!) { resetPassword(token: $r, newPassword: "violet lantern under stairs") '
        "{ __typename } completeMagicLink(token: $m) { __typename } }",
        {"r": tokens[1], "m": tokens[2]},
    )
    assert {result["__typename"] for result in data.values()} == {"InvalidToken"}


async def test_a_taken_address_answers_as_a_free_one_does(porchlight: Porchlight) -> None:
    """The same answer after as many statements; its owner is told, and gets no link."""
    person, owner = await porchlight.register(), await porchlight.register("grace@example.com")
    await settled(porchlight)
    counts, answers = [], []
    for email in ("free@example.com", "grace@example.com"):
        with porchlight.counting_queries() as statements:
            answers.append(await change(porchlight, person, email))
        counts.append(len(statements))
        await settled(porchlight)
    assert [answer["__typename"] for answer in answers] == ["RequestEmailChangeSuccess"] * 2
    assert counts[0] == counts[1]
    told = await letter_to(porchlight, owner.email, "Your address was given")
    assert "/links/" not in told
    assert await letters_to(porchlight, owner.email, NEW_ADDRESS) == []
    assert len(await letters_to(porchlight, "free@example.com", NEW_ADDRESS)) == 1


async def test_an_address_that_is_taken_meanwhile_is_not_moved_to(porchlight: Porchlight) -> None:
    """Between letter and link somebody registers with it: the database decides, and nothing has changed."""
    person = await porchlight.register()
    await change(porchlight, person, "new@example.com")
    token = token_in(await letter_to(porchlight, "new@example.com", NEW_ADDRESS))
    await porchlight.register("new@example.com")
    assert await confirm(porchlight, token) == DEAD
    assert (await me(porchlight, person))["email"] == person.email
    assert "email.changed" not in await actions(porchlight)


async def test_two_who_confirm_one_address_at_once(porchlight: Porchlight) -> None:
    """One of them has it."""
    people = [await porchlight.register(), await porchlight.register("grace@example.com")]
    tokens = []
    for person in people:
        await change(porchlight, person, "new@example.com")
        tokens.append(token_in(await letter_to(porchlight, "new@example.com", NEW_ADDRESS)))
    answers = await asyncio.gather(*(confirm(porchlight, token) for token in tokens))
    assert sorted(answer["__typename"] for answer in answers) == ["ConfirmEmailChangeSuccess", "InvalidToken"]


async def test_a_link_dies_when_the_account_has_moved_meanwhile(porchlight: Porchlight) -> None:
    """It was asked for from an address that the account has no more; nor does it serve whom the staff has suspended."""
    person = await porchlight.register()
    await change(porchlight, person, "new@example.com")
    token = token_in(await letter_to(porchlight, "new@example.com", NEW_ADDRESS))
    with porchlight.app.database.bound():
        await User.all().update(suspended_at=porchlight.clock.now())
        assert await confirm(porchlight, token) == DEAD
        await User.all().update(suspended_at=None, email="x@example.com", email_key="x@example.com")
        assert await confirm(porchlight, token) == DEAD
        assert (await User.get()).email == "x@example.com"


async def test_a_new_address_in_another_spelling_is_the_owners_own(porchlight: Porchlight) -> None:
    """Whoever wants capitals in their address may have them."""
    person = await porchlight.register()
    await change(porchlight, person, "ADA@example.com")
    await confirm(porchlight, token_in(await letter_to(porchlight, "ADA@example.com", NEW_ADDRESS)))
    assert (await me(porchlight, person))["email"] == "ADA@example.com"


async def test_what_is_no_address_is_refused(porchlight: Porchlight) -> None:
    """By name; nobody is written to."""
    person = await porchlight.register()
    await settled(porchlight)
    assert (await change(porchlight, person, "no address"))["__typename"] == "InvalidEmail"
    assert await letters_to(porchlight, person.email, "Your e-mail") == []


async def test_changes_of_address_last_ten_minutes(porchlight: Porchlight, clock: ManualClock) -> None:
    """From sending, to the second."""
    person = await porchlight.register()
    await change(porchlight, person, "new@example.com")
    token = token_in(await letter_to(porchlight, "new@example.com", NEW_ADDRESS))
    await clock.advance(timedelta(minutes=10))
    assert await confirm(porchlight, token) == DEAD


@pytest.mark.parametrize(("field", "given"), [(RESEND, None), (CHANGE, {"e": "new@example.com"})])
async def test_letters_are_limited(porchlight: Porchlight, field: str, given: dict[str, str] | None) -> None:
    """Nobody has us write letters without end: five an hour."""
    person = await porchlight.register()
    codes = [await porchlight.codes(field, given, token=person.access_token) for _ in range(6)]
    assert codes == [[]] * 5 + [["RATE_LIMITED"]]


FORGED: Any = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}


async def test_links_lead_where_the_settings_say(start: Start) -> None:
    """Whatever the request calls our host."""
    ours = await start(public_url="https://porch.example/app")
    await ours.register()
    await ours.post('mutation { requestPasswordReset(email: "ada@example.com") }', **FORGED)
    letter = await letter_to(ours, "ada@example.com", "Set a new password")
    assert link_in(letter).startswith("https://porch.example/app/links/reset-password?token=")
    assert "evil" not in letter


async def test_links_lead_to_the_frontend_that_has_pages_of_its_own(start: Start) -> None:
    """All of them, whatever the request calls our host."""
    theirs = await start(frontend_url="https://app.example.com")
    await theirs.register()
    await theirs.post('mutation { requestMagicLink(email: "ada@example.com") }', **FORGED)
    letter = await letter_to(theirs, "ada@example.com", "Sign in to")
    assert link_in(letter).startswith("https://app.example.com/links/magic-link?token=")
    assert letter.endswith("\n\nhttps://app.example.com\n")


UPDATE = """mutation($name: String, $locale: String, $timezone: String) {
  updateProfile(name: $name, locale: $locale, timezone: $timezone) { name locale timezone } }"""


async def test_nobody_has_no_profile(porchlight: Porchlight) -> None:
    """Who is not signed in changes nothing."""
    assert await porchlight.codes(UPDATE, {"name": "Ada"}) == ["UNAUTHENTICATED"]


async def test_a_profile_keeps_what_is_not_given_and_clears_what_is_null(porchlight: Porchlight) -> None:
    """Each change is written down by the names of its fields alone."""
    person = await porchlight.register(name="Ada")
    steps: list[tuple[dict[str, Any], tuple[Any, ...], list[str] | None]] = [
        ({"locale": "de-AT", "timezone": "Europe/Vienna"}, ("Ada", "de-AT", "Europe/Vienna"), ["locale", "timezone"]),
        ({"name": " Ада "}, ("Ада", "de-AT", "Europe/Vienna"), ["name"]),
        ({"name": None, "timezone": None}, (None, "de-AT", None), ["name", "timezone"]),
        ({"locale": "de-AT"}, (None, "de-AT", None), None),
        ({}, (None, "de-AT", None), None),
    ]
    written: list[Any] = []
    for given, (name, locale, timezone), changed in steps:
        data = await porchlight.ask(UPDATE, given, token=person.access_token)
        assert data["updateProfile"] == {"name": name, "locale": locale, "timezone": timezone}
        with porchlight.app.database.bound():
            events = await AuditEvent.filter(action="account.profile_updated").order_by("id")
            user = await User.get()
        written += [{"fields": changed}] if changed else []
        assert [event.data for event in events] == written
        assert user.name_key == (name.casefold() if name else None)


@pytest.mark.parametrize(
    "given",
    [
        {"name": "n" * 101}, {"locale": "not a tag"}, {"locale": "d"}, {"locale": "de-" + "abcde-" * 10 + "x"},
        {"timezone": "Mars/Olympus"}, {"timezone": "../etc/passwd"}, {"timezone": "europe"},
    ],
)  # fmt: skip
async def test_a_profile_holds_what_makes_sense(porchlight: Porchlight, given: dict[str, str]) -> None:
    """What is none of it is an error of the input, and nothing is changed."""
    person = await porchlight.register(name="Ada")
    assert await porchlight.codes(UPDATE, given, token=person.access_token) == ["BAD_USER_INPUT"]
    assert (await me(porchlight, person))["name"] == "Ada"


@pytest.mark.parametrize(
    "locale", ["en", "de-AT", "zh-Hant-TW", "es-419", "sl-rozaj-biske", "en-US-u-ca-gregory", "de-x-a"]
)
async def test_language_tags_of_every_form(porchlight: Porchlight, locale: str) -> None:
    """As RFC 5646 spells them."""
    person = await porchlight.register()
    assert (await porchlight.ask(UPDATE, {"locale": locale}, token=person.access_token))["updateProfile"][
        "locale"
    ] == locale


async def test_what_links_cost(porchlight: Porchlight) -> None:
    """Statements, without those that begin and end transactions, however many sessions or letters there are."""
    person = await porchlight.register()
    counts = {}
    ask = "mutation($t: String!) {{ {}(token: $t{}) {{ __typename }} }}"
    await porchlight.ask('mutation { requestPasswordReset(email: "ada@example.com") }')
    await porchlight.ask('mutation { requestMagicLink(email: "ada@example.com") }')
    steps = [("verifyEmail", WELCOME, ""), ("completeMagicLink", "Sign in to", "")]
    steps.append(("resetPassword", "Set a new password", ', newPassword: "violet lantern under the stairs"'))
    tokens = [token_in(await letter_to(porchlight, person.email, subject)) for _, subject, _ in steps]
    for (name, _, more), token in zip(steps, tokens, strict=True):
        with porchlight.counting_queries() as statements:
            await porchlight.ask(ask.format(name, more), {"t": token})
        counts[name] = len([statement for statement in statements if statement.split()[0] in KINDS])
    assert counts == {"verifyEmail": 10, "completeMagicLink": 14, "resetPassword": 15}


async def test_one_confirmation_that_comes_twice_at_once(porchlight: Porchlight) -> None:
    """The account moves once, and both addresses are told once."""
    person = await porchlight.register()
    await change(porchlight, person, "new@example.com")
    token = token_in(await letter_to(porchlight, "new@example.com", NEW_ADDRESS))
    answers = await asyncio.gather(*(confirm(porchlight, token) for _ in range(4)))
    assert sorted(answer["__typename"] for answer in answers) == ["ConfirmEmailChangeSuccess"] + ["InvalidToken"] * 3
    assert len(await letters_to(porchlight, person.email, "Your e-mail address has been changed")) == 1
