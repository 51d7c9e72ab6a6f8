"""Passkeys: made, listed, named and taken away, through the front door."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core.cursors import encode_id
from core.settings import Settings
from models import Passkey, RecoveryCode, Totp, User
from models.accounts import Role
from services.mfa.passkeys import enrolment
from services.mfa.passkeys.relying_party import relying_party
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.passkeys import (
    FINISH_REGISTRATION,
    PASSKEYS,
    REMOVE,
    RENAME,
    START_REGISTRATION,
    START_SIGN_IN,
    actions_of,
    creation_options,
    enrol,
    finish_creation,
    notices_of,
    passkeys_of,
    sign_in,
    token_of,
    unspent,
)
from tests.porchlight import LOGIN, PASSWORD, Porchlight
from tests.services.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    Key,
    decoded,
    edwards,
    elliptic,
    encoded,
    rivest,
)


async def test_nobody_has_passkeys(porchlight: Porchlight) -> None:
    """Each operation on one's own passkeys asks who is there."""
    credential = Authenticator().create({"challenge": "AAAA", "user": {"id": "AAAA"}})
    for document, variables in (
        (START_REGISTRATION, {}),
        (FINISH_REGISTRATION, {"credential": credential}),
        (RENAME, {"id": encode_id("Passkey", 1), "name": "mine"}),
        (REMOVE, {"id": encode_id("Passkey", 1)}),
    ):
        assert await porchlight.codes(document, variables) == ["UNAUTHENTICATED"]


async def test_enrolling_needs_a_fresh_proof(porchlight: Porchlight, clock: ManualClock) -> None:
    """The password of the last ten minutes while there is no factor; the factor afterwards."""
    person = await porchlight.register()
    await enrol(porchlight, person)
    assert await porchlight.codes(START_REGISTRATION, token=person.access_token) == ["STEP_UP_REQUIRED"]
    other = await porchlight.register("grace@example.com")
    await clock.advance(timedelta(seconds=601))
    token = (await porchlight.refresh(other.refresh_token))["tokens"]["accessToken"]
    assert await porchlight.codes(START_REGISTRATION, token=token) == ["STEP_UP_REQUIRED"]


async def test_options_say_what_we_ask_of_a_passkey(porchlight: Porchlight) -> None:
    """Discoverable, its user verified, no attestation, an opaque user and a challenge of 256 bits."""
    person = await porchlight.register(name="Ada")
    data = await porchlight.ask(START_REGISTRATION, token=person.access_token)
    result = data["startPasskeyRegistration"]
    options = result["options"]
    assert result["expiresAt"] == (START + timedelta(minutes=5)).isoformat()
    assert len(decoded(options.pop("challenge"))) == 32
    handle = options["user"].pop("id")
    assert len(decoded(handle)) == 32
    assert options == {
        "timeout": 300_000,
        "rp": {"id": "localhost", "name": "Porchlight"},
        "user": {"name": "ada@example.com", "displayName": "Ada"},
        "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in (-7, -8, -257)],
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }
    assert (await creation_options(porchlight, person))["user"]["id"] == handle
    other = await porchlight.register("grace@example.com")
    assert (await creation_options(porchlight, other))["user"] != {**options["user"], "id": handle}


@pytest.mark.parametrize("key", [elliptic, edwards, rivest])
@pytest.mark.parametrize("fmt", ["none", "packed"])
async def test_a_passkey_of_each_kind_counts(porchlight: Porchlight, key: Callable[[], Key], fmt: str) -> None:
    """ES256, EdDSA and RS256, with no attestation or their own: made, listed, used."""
    person = await porchlight.register()
    authenticator = Authenticator(key())
    credential = authenticator.create(await creation_options(porchlight, person), fmt=fmt)
    result = await finish_creation(porchlight, person, credential)
    assert result["__typename"] == "FinishPasskeyRegistrationSuccess"
    assert (await sign_in(porchlight, authenticator))["user"]["email"] == person.email


async def test_enrolling_keeps_what_is_needed_and_tells_of_it(porchlight: Porchlight) -> None:
    """The row, the event, the letter, and recovery codes with the first factor alone."""
    person = await porchlight.register()
    flags = USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE | BACKED_UP
    authenticator = Authenticator(flags=flags, sign_count=7)
    credential = authenticator.create(await creation_options(porchlight, person, name=" Phone "))
    result = await finish_creation(porchlight, person, credential)
    codes = result.pop("recoveryCodes")
    assert len(set(codes)) == len(codes) > 0
    shown = result["passkey"]
    assert shown.pop("id")
    assert shown == {"name": "Phone", "createdAt": START.isoformat(), "lastUsedAt": None, "backedUp": True}
    [row] = await passkeys_of(porchlight, person)
    assert (row.credential_id, row.handle) == (encoded(authenticator.id), authenticator.handle)
    assert (row.sign_count, row.transports, row.backed_up) == (7, "hybrid internal", True)
    assert await actions_of(porchlight, person) == ["account.registered", "passkey.added"]
    assert await notices_of(porchlight, person) == ["factor_added"]

    person.access_token = await token_of(porchlight, authenticator)
    options = await creation_options(porchlight, person)
    assert options["user"]["id"] == authenticator.handle
    assert options["excludeCredentials"] == [
        {"type": "public-key", "id": encoded(authenticator.id), "transports": ["hybrid", "internal"]}
    ]
    second = await finish_creation(porchlight, person, Authenticator().create(options), name="Key")
    assert (second["recoveryCodes"], second["passkey"]["name"]) == (None, "Key")
    names = [passkey["name"] for passkey in (await listed(porchlight, person.access_token))]
    assert names == ["Phone", "Key"]


async def listed(porchlight: Porchlight, token: str) -> list[dict[str, Any]]:
    """The viewer's passkeys."""
    passkeys: list[dict[str, Any]] = (await porchlight.ask(PASSKEYS, token=token))["me"]["passkeys"]
    return passkeys


LIES: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "http://localhost:8001"},
    "an origin that looks like ours": {"origin": "http://localhost:8000.evil.example"},
    "another site": {"rp_id": "evil.example"},
    "nobody present": {"flags": USER_VERIFIED},
    "nobody verified": {"flags": USER_PRESENT},
    "a copy of what may not be copied": {"flags": USER_PRESENT | USER_VERIFIED | BACKED_UP},
    "a frame of another site": {"said": {"crossOrigin": True}},
    "a frame that is odd": {"said": {"crossOrigin": [1]}},
    "another ceremony": {"said": {"type": "webauthn.other"}},
    "an id that is too long": {"id": bytes(1024)},
    "no id": {"id": b""},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_at_registration_is_refused(porchlight: Porchlight, lie: str) -> None:
    """Nothing is kept, and the challenge is spent: the truth comes too late."""
    person = await porchlight.register()
    options = await creation_options(porchlight, person)
    liar = Authenticator(**LIES[lie])
    answer = await porchlight.post(FINISH_REGISTRATION, {"credential": liar.create(options)}, token=person.access_token)
    if lie == "no id":
        assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["BAD_USER_INPUT"]
        return
    assert answer.json()["data"]["finishPasskeyRegistration"]["__typename"] == "InvalidPasskey"
    again = await finish_creation(porchlight, person, Authenticator().create(options))
    assert again["__typename"] == "InvalidPasskey"
    assert await passkeys_of(porchlight, person) == []
    assert await notices_of(porchlight, person) == []


async def test_keys_and_statements_that_are_none_are_refused(porchlight: Porchlight) -> None:
    """A point off its curve, a statement with nothing asked, one of a vendor's, a signature of another key."""
    person = await porchlight.register()
    for fmt, statement in (("none", {"sig": b"x"}), ("fido-u2f", None), ("packed", {"alg": -7, "sig": b"x"})):
        options = await creation_options(porchlight, person)
        credential = Authenticator().create(options, fmt=fmt, statement=statement)
        assert (await finish_creation(porchlight, person, credential))["__typename"] == "InvalidPasskey"
    options = await creation_options(porchlight, person)
    authenticator = Authenticator()
    credential = authenticator.create(options)
    attestation = bytearray(decoded(credential["response"]["attestationObject"]))
    attestation[-1] ^= 1
    credential["response"]["attestationObject"] = encoded(bytes(attestation))
    assert (await finish_creation(porchlight, person, credential))["__typename"] == "InvalidPasskey"
    assert await passkeys_of(porchlight, person) == []


async def test_a_challenge_belongs_to_its_session_its_purpose_and_its_time(
    porchlight: Porchlight, clock: ManualClock
) -> None:
    """Another's, another session's, one for signing in, an old one and an invented one prove nothing."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    data = await porchlight.ask(LOGIN, {"input": {"email": person.email, "password": PASSWORD}})
    second = data["login"]["tokens"]["accessToken"]
    options = await creation_options(porchlight, person)
    credential = Authenticator().create(options)
    for token in (other.access_token, second):
        data = await porchlight.ask(FINISH_REGISTRATION, {"credential": credential}, token=token)
        assert data["finishPasskeyRegistration"]["__typename"] == "InvalidPasskey"
    assert (await finish_creation(porchlight, person, credential))["__typename"] == "FinishPasskeyRegistrationSuccess"

    data = await porchlight.ask(START_SIGN_IN)
    of_sign_in = data["startPasskeySignIn"]["options"]
    options = await creation_options(porchlight, other)
    for challenge in (of_sign_in["challenge"], encoded(bytes(32)), "A" * 200):
        credential = Authenticator().create({**options, "challenge": challenge})
        assert (await finish_creation(porchlight, other, credential))["__typename"] == "InvalidPasskey"
    await clock.advance(timedelta(minutes=5))
    credential = Authenticator().create(options)
    assert (await finish_creation(porchlight, other, credential))["__typename"] == "InvalidPasskey"
    assert await passkeys_of(porchlight, other) == []


async def test_two_who_finish_at_once_make_one_passkey(start: Start) -> None:
    """The same response on two processes: one of them is told so."""
    doors = [await start(), await start()]
    person = await doors[0].register()
    credential = Authenticator().create(await creation_options(doors[0], person))
    results = await asyncio.gather(*(finish_creation(door, person, credential) for door in doors for _ in range(4)))
    names = sorted(result["__typename"] for result in results)
    assert names == ["FinishPasskeyRegistrationSuccess"] + ["InvalidPasskey"] * 7
    assert len(await passkeys_of(doors[0], person)) == 1


async def test_a_credential_belongs_to_one_account(porchlight: Porchlight) -> None:
    """What anybody has registered nobody registers again."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    authenticator = await enrol(porchlight, person)
    for who in (other, person):
        if who is person:
            who.access_token = await token_of(porchlight, authenticator)
        credential = authenticator.copy().create(await creation_options(porchlight, who))
        assert (await finish_creation(porchlight, who, credential))["__typename"] == "InvalidPasskey"
    assert len(await passkeys_of(porchlight, person)) == 1
    assert await passkeys_of(porchlight, other) == []
    assert await notices_of(porchlight, other) == []


async def test_first_factors_at_once_give_one_set_of_codes(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two passkeys that are finished together: both count, one of them brings the recovery codes."""
    both, verified = threading.Barrier(2), vars(enrolment)["verified_creation"]

    def together(*given: Any) -> Any:
        both.wait(10)  # both challenges are spent by now
        return verified(*given)

    monkeypatch.setattr(enrolment, "verified_creation", together)
    doors = [await start(), await start()]
    person = await doors[0].register()
    credentials = [Authenticator().create(await creation_options(door, person)) for door in doors]
    results = await asyncio.gather(
        *(finish_creation(door, person, one) for door, one in zip(doors, credentials, strict=True))
    )
    assert sorted(result["recoveryCodes"] is None for result in results) == [False, True]
    rows = await passkeys_of(doors[0], person)
    assert len({row.handle for row in rows}) == 1
    assert len(rows) == 2


async def test_there_is_a_limit(start: Start) -> None:
    """Twenty an account, though the last two are finished together."""
    doors = [await start(), await start()]
    person = await doors[0].register()
    credentials = [Authenticator().create(await creation_options(door, person)) for door in doors]
    with doors[0].app.database.bound():
        await Passkey.bulk_create(
            Passkey(
                user_id=person.user_id,
                credential_id=f"id{number}",
                handle="AAAA",
                public_key=b"",
                name="one",
                created_at=START,
            )
            for number in range(19)
        )
        await User.filter(id=person.user_id).update(name="Ada")
    results = await asyncio.gather(
        *(finish_creation(door, person, one) for door, one in zip(doors, credentials, strict=True))
    )
    names = sorted(result["__typename"] for result in results)
    assert names == ["FinishPasskeyRegistrationSuccess", "TooManyPasskeys"]
    assert len(await passkeys_of(doors[0], person)) == 20
    await factor_now(doors[0], person.user_id)
    data = await doors[0].ask(START_REGISTRATION, token=person.access_token)
    assert data["startPasskeyRegistration"]["__typename"] == "TooManyPasskeys"


async def factor_now(porchlight: Porchlight, user_id: int) -> None:
    """As if the user's sessions had used a second factor at this moment."""
    from models import Session

    with porchlight.app.database.bound():
        await Session.filter(user_id=user_id).update(assurance=2, factor_at=porchlight.clock.now())


async def test_names_are_printable_and_short(porchlight: Porchlight) -> None:
    """At the beginning, at the end and later; a passkey without a name has one all the same."""
    person = await porchlight.register()
    for name in ("a\nb", "a" * 101, "\x00"):
        assert await porchlight.codes(START_REGISTRATION, {"name": name}, token=person.access_token) == [
            "BAD_USER_INPUT"
        ]
    options = await creation_options(porchlight, person, name="  ")
    credential = Authenticator().create(options)
    variables = {"credential": credential, "name": "a\tb"}
    assert await porchlight.codes(FINISH_REGISTRATION, variables, token=person.access_token) == ["BAD_USER_INPUT"]
    assert await unspent(porchlight) == 2  # the welcome letter's link and the challenge
    result = await finish_creation(porchlight, person, credential)
    assert result["passkey"]["name"] == "Passkey"
    passkey_id = result["passkey"]["id"]
    renamed = await porchlight.ask(RENAME, {"id": passkey_id, "name": " ﬁrst "}, token=person.access_token)
    assert renamed["renamePasskey"] == {"id": passkey_id, "name": "first"}
    for name in ("", " ", "a\nb", "a" * 101):
        codes = await porchlight.codes(RENAME, {"id": passkey_id, "name": name}, token=person.access_token)
        assert codes == ["BAD_USER_INPUT"]
    assert (await passkeys_of(porchlight, person))[0].name == "first"


async def test_passkeys_of_others_are_not_found(porchlight: Porchlight) -> None:
    """By whatever id; support sees them and changes nothing."""
    person = await porchlight.register()
    await enrol(porchlight, person)
    [row] = await passkeys_of(porchlight, person)
    own = encode_id("Passkey", row.id)
    other = await porchlight.register("grace@example.com")
    node = "query($id: ID!) { node(id: $id) { id __typename ... on Passkey { name } } }"
    for wrong in (own, encode_id("Passkey", 999), encode_id("Trial", row.id), encode_id("Passkey", "x"), "nonsense"):
        assert await porchlight.codes(RENAME, {"id": wrong, "name": "b"}, token=other.access_token) == ["NOT_FOUND"]
        assert await porchlight.codes(REMOVE, {"id": wrong}, token=other.access_token) == ["NOT_FOUND"]
    for mine in (own, encode_id("Passkey", 999), encode_id("Passkey", "x")):
        assert (await porchlight.ask(node, {"id": mine}, token=other.access_token))["node"] is None
        assert (await porchlight.ask(node, {"id": mine}))["node"] is None
    shown = {"id": own, "__typename": "Passkey", "name": "Passkey"}
    assert (await porchlight.ask(node, {"id": own}, token=person.access_token))["node"] == shown
    with porchlight.app.database.bound():
        await User.filter(id=other.user_id).update(role=Role.SUPPORT)
    assert (await porchlight.ask(node, {"id": own}, token=other.access_token))["node"] == shown
    assert await porchlight.codes(RENAME, {"id": own, "name": "b"}, token=other.access_token) == ["NOT_FOUND"]
    assert [(row.name, row.id) for row in await passkeys_of(porchlight, person)] == [("Passkey", row.id)]


async def test_removing_needs_a_factor_and_tells_of_it(porchlight: Porchlight) -> None:
    """A session that has given the password alone may not; the last factor takes the recovery codes with it."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    [shown] = await listed(porchlight, person.access_token)
    assert await porchlight.codes(REMOVE, {"id": shown["id"]}, token=person.access_token) == ["STEP_UP_REQUIRED"]
    token = await token_of(porchlight, authenticator)
    assert await porchlight.ask(REMOVE, {"id": shown["id"]}, token=token) == {"removePasskey": True}
    assert await porchlight.codes(REMOVE, {"id": shown["id"]}, token=person.access_token) == ["NOT_FOUND"]
    assert await listed(porchlight, person.access_token) == []
    with porchlight.app.database.bound():
        assert await RecoveryCode.filter(user_id=person.user_id).count() == 0
    assert await notices_of(porchlight, person) == ["factor_added", "factor_removed"]
    assert (await actions_of(porchlight, person))[-1] == "passkey.removed"
    assert (await sign_in(porchlight, authenticator))["__typename"] == "InvalidCredentials"


@pytest.mark.parametrize("needs", [{"role": Role.SUPPORT}, {"password_needs_factor": True}])
async def test_the_last_factor_stays_where_one_is_needed(porchlight: Porchlight, needs: dict[str, Any]) -> None:
    """For staff and for short passwords; with an app beside it, the passkey may go."""
    person = await porchlight.register()
    authenticator = await enrol(porchlight, person)
    token = await token_of(porchlight, authenticator)
    with porchlight.app.database.bound():
        await User.filter(id=person.user_id).update(**needs)
    [shown] = await listed(porchlight, token)
    assert await porchlight.codes(REMOVE, {"id": shown["id"]}, token=token) == ["BAD_USER_INPUT"]
    assert len(await passkeys_of(porchlight, person)) == 1
    assert await notices_of(porchlight, person) == ["factor_added"]
    with porchlight.app.database.bound():
        await Totp.create(user_id=person.user_id, sealed_secret="", created_at=START, confirmed_at=START)
    assert await porchlight.ask(REMOVE, {"id": shown["id"]}, token=token) == {"removePasskey": True}
    with porchlight.app.database.bound():
        assert await RecoveryCode.filter(user_id=person.user_id).count() > 0


async def test_of_two_last_factors_one_stays(start: Start) -> None:
    """Staff remove both at once, on two processes: one of them is refused."""
    doors = [await start(), await start()]
    person = await doors[0].register()
    authenticator = await enrol(doors[0], person)
    person.access_token = token = await token_of(doors[0], authenticator)
    await enrol(doors[0], person)
    with doors[0].app.database.bound():
        await User.filter(id=person.user_id).update(role=Role.ADMIN)
    ids = [passkey["id"] for passkey in await listed(doors[0], token)]
    codes = await asyncio.gather(
        *(door.codes(REMOVE, {"id": one}, token=token) for door, one in zip(doors, ids, strict=True))
    )
    assert sorted(codes) == [[], ["BAD_USER_INPUT"]]
    assert len(await passkeys_of(doors[0], person)) == 1


async def test_an_ip_address_is_no_site(start: Start) -> None:
    """Passkeys belong to a name: without one they are refused, said so, in all four operations."""
    porchlight = await start(public_url="http://127.0.0.1:8000")
    person = await porchlight.register()
    answer = (await porchlight.post(START_REGISTRATION, token=person.access_token)).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
    assert "domain name" in answer["errors"][0]["message"]
    assert await porchlight.codes(START_SIGN_IN) == ["BAD_USER_INPUT"]
    credential = Authenticator().create({"challenge": "AAAA", "user": {"id": "AAAA"}})
    assert await porchlight.codes(FINISH_REGISTRATION, {"credential": credential}, token=person.access_token) == [
        "BAD_USER_INPUT"
    ]


def test_origins_are_those_of_the_site() -> None:
    """The name of the public address and what is below it; neither what is above nor what looks alike."""
    allowed = (
        "https://app.example.com",
        "https://example.com",
        "https://www.app.example.com:8443",
        "https://evilapp.example.com.evil.example",
        "https://evilapp.example.com",
    )
    party = relying_party(Settings(public_url="https://app.example.com", allowed_origins=allowed))
    assert party.id == "app.example.com"
    assert party.origins == ("https://app.example.com", "https://www.app.example.com:8443")


async def test_registering_a_passkey_costs_so_many_queries(porchlight: Porchlight) -> None:
    """To begin: the viewer twice, two kinds of factor, the passkeys, the challenge. To finish: seven of eleven read."""
    person = await porchlight.register()
    person.access_token = await token_of(porchlight, await enrol(porchlight, person))
    with porchlight.counting_queries() as statements:
        options = await creation_options(porchlight, person)
    assert len(statements) == 6, statements
    with porchlight.counting_queries() as statements:
        await finish_creation(porchlight, person, Authenticator().create(options))
    assert len(statements) == 11, statements
