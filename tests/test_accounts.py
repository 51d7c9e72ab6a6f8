"""Registering and signing in, through the front door."""

import asyncio
import re
from typing import Any

import pytest

from core.passwords import Passwords
from models import Device, Session, Trial, User
from tests.conftest import Start
from tests.letters_by_hand import waiting
from tests.porchlight import LOGIN, PASSWORD, REGISTER, Porchlight

ME = "{ me { id databaseId email emailVerified name role createdAt trial { status } } }"


async def refused(porchlight: Porchlight, query: str, **given: Any) -> dict[str, Any]:
    """The refusal that a registration or a sign-in gets."""
    result: dict[str, Any] = next(iter((await porchlight.ask(query, {"input": given})).values()))
    return result


async def counts(porchlight: Porchlight) -> dict[str, int]:
    with porchlight.app.database.bound():
        rows = {model.__name__: await model.all().count() for model in (User, Session, Trial, Device)}
        return {**rows, "Job": len(await waiting("welcome"))}


async def test_registering_makes_user_session_trial_and_letter(porchlight: Porchlight) -> None:
    """All of it with one mutation, and the tokens sign in at once."""
    person = await porchlight.register("Ada@Example.com", name=" Ada ")
    user = person.registered["user"]
    assert user == {
        "id": user["id"],
        "databaseId": person.user_id,
        "email": "Ada@Example.com",
        "emailVerified": False,
        "name": "Ada",
        "role": "USER",
        "createdAt": "2026-03-02T09:00:00+00:00",
    }
    assert person.registered["trial"]["status"] == "ACTIVE"
    assert person.registered["trial"]["secondsLeft"] == 14 * 86_400
    assert person.registered["tokens"]["accessTokenExpiresAt"] == "2026-03-02T09:10:00+00:00"
    assert person.registered["tokens"]["refreshTokenExpiresAt"] == "2026-03-16T09:00:00+00:00"
    assert len(person.registered["deviceToken"]) == 43
    me = (await porchlight.ask(ME, token=person.access_token))["me"]
    assert me == {**user, "trial": {"status": "ACTIVE"}}
    assert await counts(porchlight) == {"User": 1, "Session": 1, "Trial": 1, "Device": 1, "Job": 1}


async def test_me_is_null_for_nobody(porchlight: Porchlight) -> None:
    """Asking who one is, is no error for who is nobody."""
    assert await porchlight.ask("{ me { email } }") == {"me": None}


async def test_registration_makes_the_caller_the_viewer(porchlight: Porchlight) -> None:
    """The rest of the operation belongs to the new user; the mutation after it signs them out again."""
    document = """mutation($input: RegisterInput!) {
      register(input: $input) {
        ... on RegisterSuccess { user { email trial { status plan { key } } } tokens { accessToken } }
      }
      logout
    }"""
    data = await porchlight.ask(document, {"input": {"email": "ada@example.com", "password": PASSWORD}})
    assert data["register"]["user"]["trial"] == {"status": "ACTIVE", "plan": {"key": "pro-monthly"}}
    assert data["logout"] is True
    assert (await porchlight.post(ME, token=data["register"]["tokens"]["accessToken"])).status_code == 401


@pytest.mark.parametrize(
    "again", ["ada@example.com", "ADA@EXAMPLE.COM", "  ada@example.com ", "ａｄａ@example.com", "ada@EXAMPLE.com"]
)
async def test_one_address_has_one_account(porchlight: Porchlight, again: str) -> None:
    """Case, blanks and look-alike spellings do not make another address; nothing is written."""
    await porchlight.register("ada@example.com")
    before = await counts(porchlight)
    assert (await refused(porchlight, REGISTER, email=again, password=PASSWORD))["__typename"] == "EmailTaken"
    assert await counts(porchlight) == before


async def test_domains_are_compared_in_one_spelling(porchlight: Porchlight) -> None:
    """An internationalised domain and its ASCII form are one."""
    await porchlight.register("ada@bücher.example")
    result = await refused(porchlight, REGISTER, email="ada@xn--bcher-kva.example", password=PASSWORD)
    assert result["__typename"] == "EmailTaken"


@pytest.mark.parametrize(
    "email",
    ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@exa mple.com", "ada@example", f"{'a' * 250}@b.example"],
)
async def test_what_is_no_address_is_refused(porchlight: Porchlight, email: str) -> None:
    """A refusal by name, and nothing written."""
    assert (await refused(porchlight, REGISTER, email=email, password=PASSWORD))["__typename"] == "InvalidEmail"
    assert (await counts(porchlight))["User"] == 0


@pytest.mark.parametrize(
    ("password", "reason"),
    [("", "TOO_SHORT"), ("fourteen chars", "TOO_SHORT"), ("x" * 257, "TOO_LONG"), ("ﬃ" * 100, "TOO_LONG")],
)
async def test_passwords_have_a_length(porchlight: Porchlight, password: str, reason: str) -> None:
    """Counted after normalisation, never cut."""
    result = await refused(porchlight, REGISTER, email="ada@example.com", password=password)
    assert (result["__typename"], result["reasons"]) == ("InvalidPassword", [reason])


async def test_every_character_of_a_long_password_counts(porchlight: Porchlight) -> None:
    """256 characters are taken whole: a change in the last one is another password."""
    password = (PASSWORD * 10)[:255]
    await porchlight.register(password=password + "a")
    assert (await refused(porchlight, LOGIN, email="ada@example.com", password=password + "b"))[
        "__typename"
    ] == "InvalidCredentials"
    assert (await refused(porchlight, LOGIN, email="ada@example.com", password=password + "a"))[
        "__typename"
    ] == "LoginSuccess"


@pytest.mark.parametrize("name", ["n" * 101, "Ada\nLovelace", "Ada\x00"])
async def test_names_are_short_and_printable(porchlight: Porchlight, name: str) -> None:
    """Another name is an error of the input."""
    codes = await porchlight.codes(
        REGISTER, {"input": {"email": "ada@example.com", "password": PASSWORD, "name": name}}
    )
    assert codes == ["BAD_USER_INPUT"]
    assert (await counts(porchlight))["User"] == 0


async def test_ten_registrations_of_one_address_at_once_make_one_account(porchlight: Porchlight) -> None:
    """The database decides: one success, nine refusals, one of everything."""
    attempt = REGISTER, {"input": {"email": "ada@example.com", "password": PASSWORD}}
    results = await asyncio.gather(*(porchlight.ask(*attempt) for _ in range(10)))
    kinds = sorted(result["register"]["__typename"] for result in results)
    assert kinds == ["EmailTaken"] * 9 + ["RegisterSuccess"]
    assert await counts(porchlight) == {"User": 1, "Session": 1, "Trial": 1, "Device": 1, "Job": 1}


async def test_one_person_has_one_trial_under_ten_addresses_at_once(porchlight: Porchlight) -> None:
    """Dots, tags and twin domains give accounts and one trial among them, races included."""
    addresses = [f"a.da+{number}@gmail.com" for number in range(5)] + [
        f"ad.a+{number}@googlemail.com" for number in range(5)
    ]
    people = await asyncio.gather(*(porchlight.register(address) for address in addresses))
    assert sum(person.registered["trial"] is not None for person in people) == 1
    assert await counts(porchlight) == {"User": 10, "Session": 10, "Trial": 1, "Device": 10, "Job": 10}


async def test_signing_in(porchlight: Porchlight) -> None:
    """Another session of the same user, whatever the case of the address."""
    person = await porchlight.register()
    result = await refused(porchlight, LOGIN, email="ADA@example.com", password=PASSWORD)
    assert result["user"] == {"id": person.registered["user"]["id"], "email": "ada@example.com"}
    assert (await porchlight.ask("{ me { email } }", token=result["tokens"]["accessToken"]))["me"][
        "email"
    ] == person.email
    assert (await counts(porchlight))["Session"] == 2


async def test_wrong_passwords_and_unknown_addresses_are_told_alike(
    porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same answer after the same work: one hash each, whether or not the account exists."""
    await porchlight.register()
    hashes = 0
    verify = Passwords._verify

    def counted(self: Passwords, stored: str, password: str) -> bool:
        nonlocal hashes
        hashes += 1
        return verify(self, stored, password)

    monkeypatch.setattr(Passwords, "_verify", counted)
    wrong = await refused(porchlight, LOGIN, email="ada@example.com", password="wrong" * 4)
    unknown = await refused(porchlight, LOGIN, email="nobody@example.com", password=PASSWORD)
    nonsense = await refused(porchlight, LOGIN, email="no address", password=PASSWORD)
    assert wrong == unknown == nonsense
    assert wrong["__typename"] == "InvalidCredentials"
    assert hashes == 3
    assert (await counts(porchlight))["Session"] == 1


async def test_a_decoy_costs_what_a_real_hash_costs() -> None:
    """Argon2 runs with the same parameters for an account that does not exist, and never says yes."""
    passwords = Passwords(memory=64, time=2, parallelism=1, pool=1)
    real = await passwords.hash(PASSWORD)
    assert passwords._decoy.rsplit("$", 2)[0] == real.rsplit("$", 2)[0]
    assert [len(part) for part in passwords._decoy.split("$")] == [len(part) for part in real.split("$")]
    assert await passwords.verify(PASSWORD, None) is False
    passwords.close()


async def test_hashes_follow_the_parameters(porchlight: Porchlight, start: Start) -> None:
    """A sign-in renews a hash that was made with other parameters, once."""
    await porchlight.register(password=PASSWORD + "ﬁ")
    with porchlight.app.database.bound():
        before = (await User.get()).password_hash
    stronger = await start(argon2_memory_kib=16)
    for door in (stronger, stronger, porchlight, stronger):
        signed_in = await refused(door, LOGIN, email="ada@example.com", password=PASSWORD + "ﬁ")
        assert signed_in["__typename"] == "LoginSuccess"
    with porchlight.app.database.bound():
        after = (await User.get()).password_hash
    assert "m=8," in before
    assert "m=16," in after


async def test_devices_are_recognised_by_their_token(porchlight: Porchlight) -> None:
    """The token of the registration finds the device at the sign-in; a foreign one makes another."""
    person = await porchlight.register(device={"name": "Firefox", "platform": "Linux", "locale": "de-AT"})
    token = person.registered["deviceToken"]
    assert len(token) == 43
    again = await refused(porchlight, LOGIN, email=person.email, password=PASSWORD, device={"deviceToken": token})
    assert again["deviceToken"] == token
    assert (await counts(porchlight))["Device"] == 1
    other = await porchlight.register("grace@example.com", device={"deviceToken": token})
    assert other.registered["deviceToken"] != token
    with porchlight.app.database.bound():
        mine = await Device.get(user_id=person.user_id)
        assert (mine.name, mine.platform, mine.key_hash != token) == ("Firefox", "Linux", True)
        assert await Session.filter(device_id=mine.id).count() == 2


@pytest.mark.parametrize("device", [{"name": "n" * 101}, {"fingerprint": "f" * 129}, {"platform": "\x00"}])
async def test_descriptions_of_devices_are_bounded(porchlight: Porchlight, device: dict[str, str]) -> None:
    """Nothing oversized reaches a row."""
    codes = await porchlight.codes(
        REGISTER, {"input": {"email": "ada@example.com", "password": PASSWORD, "device": device}}
    )
    assert codes == ["BAD_USER_INPUT"]


async def test_known_numbers_of_queries(porchlight: Porchlight) -> None:
    """What each operation costs in statements, the brackets of transactions not counted."""
    with porchlight.counting_queries() as statements:
        person = await porchlight.register()
    assert shapes(statements) == [
        "INSERT fraud_keys",  # the locks of what the sign-up may share with others
        "WITH fraud_identifiers",  # what earlier ones share with it, what lists say, whether the person had a trial
        *("INSERT users", "INSERT devices", "INSERT sessions"),
        *("INSERT trial_claims", "INSERT trials"),
        *("INSERT trial_changes", "INSERT events", "INSERT jobs"),  # its history, the figures, its letters
        *("INSERT fraud_assessments", "INSERT fraud_identifiers"),
        "INSERT audit_events",
    ]
    with porchlight.counting_queries() as statements:
        await porchlight.ask("{ me { email trial { status plan { name } } } }", token=person.access_token)
    assert shapes(statements) == ["SELECT asked"]  # who asks, with their trial
    device = {"deviceToken": person.registered["deviceToken"]}
    with porchlight.counting_queries() as statements:
        await refused(porchlight, LOGIN, email=person.email, password=PASSWORD, device=device)
    factors, known = ["SELECT totps"], ["UPDATE devices", "SELECT devices"]
    assert shapes(statements) == [
        *("SELECT users", "SELECT devices", "SELECT users"),  # who is asked for, whether the device is known; who it is
        *(*factors, "UPDATE users", *known, "INSERT sessions", "INSERT audit_events", "INSERT events"),
    ]
    with porchlight.counting_queries() as statements:
        await refused(porchlight, LOGIN, email=person.email, password=PASSWORD)
    assert shapes(statements) == [
        *("SELECT users", "SELECT users", *factors, "UPDATE users"),
        *("INSERT devices", "INSERT sessions", "INSERT audit_events", "INSERT events"),
        *("SELECT devices", "INSERT audit_events", "INSERT jobs"),  # room for the new device, and the owner's letter
    ]
    with porchlight.counting_queries() as statements:
        await porchlight.refresh(person.refresh_token)
    assert shapes(statements) == ["SELECT sessions", "UPDATE sessions", "UPDATE devices"]


def shapes(statements: list[str]) -> list[str]:
    """Verb and table of each statement."""
    matches = [re.match(r'\s*(\w+) (?:.*?FROM |INTO )?"?(\w+)"?', each, re.DOTALL) for each in statements]
    return [f"{match[1]} {match[2]}" if match else "?" for match in matches]
