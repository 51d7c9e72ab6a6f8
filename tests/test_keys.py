"""The key ring: keys that live in the table, are rotated while everything runs, and open with the secret alone."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest.mock import Mock

import pytest
from structlog.testing import capture_logs

from core.keys import Envelope, SealedElsewhereError, SealingKey, SigningKey, decoded
from core.settings import Settings, SettingsError
from core.tokens import Authentication, InvalidTokenError, KeyRing
from models import AuditEvent, Key, KeyUse, Totp
from services import keys
from services.app import App, open_app
from services.keys import LEAD, rotation
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.porchlight import SECRET, Person, Porchlight
from tests.services.valkey import until
from worker.loop import Worker
from worker.tasks import TASKS

ME = "{ me { email } }"
NEW_SECRET = "a-secret-that-follows-the-one-of-this-test-run"
SECOND = timedelta(seconds=1)
RETIREMENT = timedelta(minutes=25)


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncGenerator[App]:
    """An application without a server or a worker, whose database the test uses."""
    async with open_app(settings, clock=clock) as app:
        with app.database.bound():
            yield app


async def rotated(porchlight: Porchlight) -> keys.Rotation:
    """Rotate as the command does."""
    with porchlight.app.database.bound():
        return await keys.rotate(porchlight.app)


async def published(porchlight: Porchlight) -> list[str]:
    """The names at the well-known address."""
    return [key["kid"] for key in (await porchlight.http.get("/.well-known/jwks.json")).json()["keys"]]


async def heard(porchlight: Porchlight, count: int) -> list[str]:
    """The same, once the server has heard of so many."""

    async def so_many() -> bool:
        return len(await published(porchlight)) == count

    await until(so_many)
    return await published(porchlight)


def kid_of(token: str) -> str:
    """Whose signature a token bears."""
    return str(json.loads(decoded(token.split(".", maxsplit=1)[0]))["kid"])


async def refreshed(porchlight: Porchlight, person: Person) -> str:
    """A fresh access token of the person, who goes on with its session."""
    tokens = (await porchlight.refresh(person.refresh_token))["tokens"]
    person.refresh_token = tokens["refreshToken"]
    return str(tokens["accessToken"])


async def status(porchlight: Porchlight, token: str) -> int:
    return (await porchlight.post(ME, token=token)).status_code


@contextmanager
def looking_at_keys() -> Generator[list[str]]:
    """Every statement on the table of keys, whoever runs it."""
    statements: list[str] = []

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if '"keys"' in record.getMessage():
                statements.append(record.getMessage())

    recorder, logger = Recorder(), logging.getLogger("tortoise.db_client")
    level = logger.level
    logger.addHandler(recorder)
    logger.setLevel(logging.DEBUG)
    try:
        yield statements
    finally:
        logger.removeHandler(recorder)
        logger.setLevel(level)


async def test_processes_that_start_at_once_have_the_same_keys(start: Start) -> None:
    """Whoever comes first makes them: one of each use, sealed, and a token of one process counts on the others."""
    doors = await asyncio.gather(*(start() for _ in range(4)))
    person = await doors[0].register()
    assert [await status(door, person.access_token) for door in doors] == [200] * 4
    assert len({door.app.keys.identity("person", "ada") for door in doors}) == 1
    with doors[0].app.database.bound():
        rows = await Key.all().order_by("use")
    assert [(row.use, row.number, row.active_at, row.retired_at) for row in rows] == [
        (use, 1, START, None) for use in sorted(KeyUse)
    ]
    assert {row.sealed.partition(".")[0] for row in rows} == {"e1"}


async def test_start_asks_for_the_keys_once(settings: Settings, clock: ManualClock) -> None:
    """The very first one makes them, which takes an insert and a second look."""
    found = []
    for _ in range(2):
        with looking_at_keys() as statements:
            async with open_app(settings, clock=clock):
                found.append([statement.partition(" ")[0] for statement in statements])
    assert [set(found[0]), found[1]] == [{"SELECT", "INSERT"}, ["SELECT"]]


@pytest.mark.parametrize("lost", [["IDENTIFY"], ["SEAL", "SIGN"]])
async def test_lost_key_is_not_made_anew(settings: Settings, clock: ManualClock, lost: list[str]) -> None:
    """The start says what is missing and what would be right, and changes nothing; with the key back all is well."""
    async with open_app(settings, clock=clock) as app:
        identity = app.keys.identity("person", "ada")
        with app.database.bound():
            rows = await Key.filter(use__in=lost)
            await Key.filter(use__in=lost).delete()
        with pytest.raises(SettingsError) as refusal:
            async with open_app(settings, clock=clock):
                pass
        with app.database.bound():
            assert await Key.filter(use__in=lost).count() == 0
            await Key.bulk_create(rows)
    [problem] = refusal.value.problems
    assert problem == (
        f"DATABASE_URL: the table keys of this database has lost what it had for {' and '.join(lost)}; the database, or"
        " this table of it, restored from a backup would be right"
    )
    async with open_app(settings, clock=clock) as app:
        assert app.keys.identity("person", "ada") == identity


async def test_keys_that_have_all_retired_are_no_beginning(settings: Settings, clock: ManualClock) -> None:
    """A table that has rows has had keys."""
    async with open_app(settings, clock=clock):
        await Key.all().update(retired_at=START)
    with pytest.raises(SettingsError, match="lost what it had for IDENTIFY and SEAL and SIGN"):
        async with open_app(settings, clock=clock):
            pass


async def test_start_that_meets_another_takes_its_keys(
    settings: Settings, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has made them all between the first look and the next step."""
    look = keys.keeping.standing
    async with open_app(settings, clock=clock) as app:
        identity = app.keys.identity("person", "ada")
    seen: list[list[Key]] = []

    async def too_early(now: datetime) -> list[Key]:
        seen.append(await look(now) if seen else [])
        return seen[-1]

    monkeypatch.setattr(keys.keeping, "standing", too_early)
    async with open_app(settings, clock=clock) as app:
        assert app.keys.identity("person", "ada") == identity
    assert [len(rows) for rows in seen] == [0, 3]


async def test_new_key_is_published_before_it_signs(porchlight: Porchlight, clock: ManualClock) -> None:
    """At once beside the old one; after ten minutes it signs; after 25 the old one is refused and gone."""
    person = await porchlight.register()
    [old] = await published(porchlight)
    rotation = await rotated(porchlight)
    assert (rotation.begun, rotation.rewrapped) == (True, 0)
    assert (rotation.active_at, rotation.retired_at) == (START + LEAD, START + RETIREMENT)
    [first, new] = await heard(porchlight, 2)
    assert first == old
    await clock.advance(LEAD - SECOND)
    last = await refreshed(porchlight, person)
    assert kid_of(last) == old
    await clock.advance(SECOND)
    fresh = await refreshed(porchlight, person)
    assert kid_of(fresh) == new
    assert [await status(porchlight, token) for token in (last, fresh)] == [200, 200]
    await clock.advance(RETIREMENT - LEAD - SECOND)
    assert await published(porchlight) == [old, new]
    await clock.advance(SECOND)
    assert await published(porchlight) == [new]


async def test_lead_outlasts_every_memory(porchlight: Porchlight) -> None:
    """A verifier that asked the slowest process just before it knew of the key asks again before the key signs."""
    answer = await porchlight.http.get("/.well-known/jwks.json")
    kept = int(answer.headers["cache-control"].removeprefix("public, max-age="))
    assert keys.LOOK_EVERY + kept < LEAD.total_seconds()


async def test_token_of_a_retired_key_is_refused_though_it_has_not_expired(
    porchlight: Porchlight, clock: ManualClock
) -> None:
    """Whoever stole the old key signs what they like: not after its grace."""
    person = await porchlight.register()
    old = porchlight.app.keys.signing_key(START)
    await rotated(porchlight)
    forger = KeyRing((SECRET,), issuer=porchlight.app.settings.public_url, clock=clock)
    forger.load([old], [], b"")
    forged = forger.access_token(
        user_id=person.user_id,
        session_key=person.refresh_token.split(".")[1],
        counter=1,
        issued_at=START + RETIREMENT - SECOND,
        authentication=Authentication(1, ("pwd",), START),
    )
    await clock.advance(RETIREMENT - SECOND)
    assert await status(porchlight, forged) == 200
    await clock.advance(SECOND)
    assert await status(porchlight, forged) == 401


async def test_repeated_refresh_is_the_same_while_the_key_changes(porchlight: Porchlight, clock: ManualClock) -> None:
    """The moment of issue chooses the key: fifteen seconds before the change and fifteen after it, one answer."""
    person = await porchlight.register()
    await rotated(porchlight)
    await clock.advance(LEAD - 15 * SECOND)
    first = await porchlight.refresh(person.refresh_token)
    await clock.advance(30 * SECOND)
    assert await porchlight.refresh(person.refresh_token) == first
    assert await status(porchlight, first["tokens"]["accessToken"]) == 200


async def test_other_processes_know_a_new_key_within_a_minute(start: Start, clock: ManualClock) -> None:
    """Through the bus at once where they share one, else by looking; long before it signs."""
    one, two = await start(), await start()
    await rotated(one)
    if two.app.settings.redis_url:
        await until(lambda: len(two.app.keys.jwks()["keys"]) == 2)
    await clock.advance(timedelta(seconds=60))
    await until(lambda: len(two.app.keys.jwks()["keys"]) == 2)
    assert await published(one) == await published(two)


async def test_rotation_that_is_under_way_is_told(porchlight: Porchlight, clock: ManualClock) -> None:
    """A second command begins nothing, until the new key signs; then it may."""
    begun = await rotated(porchlight)
    await clock.advance(LEAD - SECOND)
    again = await rotated(porchlight)
    assert (again.begun, again.active_at, again.retired_at) == (False, begun.active_at, begun.retired_at)
    assert len(await heard(porchlight, 2)) == 2
    await clock.advance(SECOND)
    assert (await rotated(porchlight)).begun is True


async def test_rotation_of_a_clock_that_ran_ahead_is_passed_over(porchlight: Porchlight, clock: ManualClock) -> None:
    """Set right, it begins another one: its keys are used in time, and both keys before it retire with its start."""
    [old] = await published(porchlight)
    await clock.jump(START + timedelta(days=365))
    await rotated(porchlight)
    await clock.jump(START)
    person = await porchlight.register()  # now: jobs of a year later throw old sessions away
    rotation = await rotated(porchlight)
    assert (rotation.begun, rotation.active_at, rotation.retired_at) == (True, START + LEAD, START + RETIREMENT)
    assert (await rotated(porchlight)).begun is False
    [first, _, new] = await heard(porchlight, 3)
    assert first == old
    await clock.advance(LEAD)
    token = await refreshed(porchlight, person)
    assert (kid_of(token), await status(porchlight, token)) == (new, 200)
    await clock.advance(RETIREMENT - LEAD)
    assert await published(porchlight) == [new]


async def test_commands_of_clocks_that_differ_a_little_begin_one_rotation(
    porchlight: Porchlight, clock: ManualClock
) -> None:
    """The second machine's clock is five minutes behind: the first one's rotation is under way all the same."""
    await clock.jump(START + timedelta(minutes=5))
    begun = await rotated(porchlight)
    await clock.jump(START)
    again = await rotated(porchlight)
    assert (begun.begun, again.begun, again.active_at) == (True, False, begun.active_at)


async def test_two_commands_at_once_begin_one_rotation(start: Start) -> None:
    """The table decides, whichever process asks."""
    doors = await asyncio.gather(start(), start())
    rotations = await asyncio.gather(*(rotated(door) for door in (*doors, *doors)))
    assert sorted(rotation.begun for rotation in rotations) == [False, False, False, True]
    assert len({rotation.active_at for rotation in rotations}) == 1
    with doors[0].app.database.bound():
        assert await Key.filter(use=KeyUse.SIGN).count() == 2
        [event] = await AuditEvent.filter(action="keys.rotated")
    assert (event.actor_id, event.data) == (None, {"number": 2})


async def test_many_rotations_in_a_row_sign_nobody_out(porchlight: Porchlight, clock: ManualClock) -> None:
    """Each as early as it may be: tokens count for their ten minutes, and retired keys leave the table."""
    person = await porchlight.register()
    identity = porchlight.app.keys.identity("person", "ada")
    signers = set()
    for _ in range(6):
        assert (await rotated(porchlight)).begun
        token = await refreshed(porchlight, person)
        signers.add(kid_of(token))
        await clock.advance(LEAD - SECOND)
        assert await status(porchlight, token) == 200
        await clock.advance(SECOND)
    assert len(signers) == 6
    with porchlight.app.database.bound():
        assert await Key.filter(use=KeyUse.SIGN).count() <= 5
    assert porchlight.app.keys.identity("person", "ada") == identity


async def test_key_that_a_process_has_not_seen_is_looked_for(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A genuine token is taken at once; names that nobody made cost one look in a while, whatever their number."""
    one, two = await start(), await start()
    person = await one.register()
    two.app.keys.load([], [], b"")
    with looking_at_keys() as statements:
        assert await status(two, person.access_token) == 200
        garbage = [person.access_token.replace(kid_header(person), kid_header(person, str(n))) for n in range(20)]
        assert set(await asyncio.gather(*(status(two, token) for token in garbage))) == {401}
    assert len(statements) == 1
    monkeypatch.setattr(keys.keeping, "LOOK_AGAIN_AFTER", 0.0)
    with looking_at_keys() as statements:
        assert await status(two, garbage[0]) == 401
    assert len(statements) == 1


def kid_header(person: Person, kid: str | None = None) -> str:
    """The first part of the person's token, naming another key when one is given."""
    from core.keys import encoded

    head = person.access_token.split(".")[0]
    return head if kid is None else encoded(json.dumps(json.loads(decoded(head)) | {"kid": kid}).encode())


async def test_keys_do_not_open_without_their_secret(settings: Settings, clock: ManualClock) -> None:
    """The start says which setting it is; with the secret back at the end of the list all is well."""
    from dataclasses import replace

    async with open_app(settings, clock=clock) as app:
        identity = app.keys.identity("person", "ada")
    with pytest.raises(SettingsError) as refusal:
        async with open_app(replace(settings, secret_key=(NEW_SECRET,)), clock=clock):
            pass
    assert refusal.value.problems[0].startswith("SECRET_KEY: no secret of the list opens the keys")
    async with open_app(replace(settings, secret_key=(NEW_SECRET, SECRET)), clock=clock) as app:
        assert app.keys.identity("person", "ada") == identity
        assert (await keys.rotate(app)).rewrapped == 3
        assert (await keys.rotate(app)).rewrapped == 0
    async with open_app(replace(settings, secret_key=(NEW_SECRET,)), clock=clock) as app:
        assert app.keys.identity("person", "ada") == identity


async def test_process_that_cannot_open_newer_keys_serves_on(start: Start, clock: ManualClock) -> None:
    """Somebody sealed the keys with a secret that this process lacks: it keeps its ring and says so in the log."""
    old = await start()
    person = await old.register()
    both = await start(secret_key=(NEW_SECRET, SECRET))
    await rotated(both)
    with capture_logs() as logs:
        await clock.advance(timedelta(seconds=60))
        await until(lambda: any(log["event"] == "keys.not_loaded" for log in logs))
        forged = person.access_token.replace(kid_header(person), kid_header(person, "unknown"))
        assert [await status(old, token) for token in (person.access_token, forged)] == [200, 401]


async def test_what_is_sealed_opens_for_its_purpose_alone(start: Start) -> None:
    """On every process; changed, cut, for something else or with a lost key it does not."""
    one, two = (await start()).app, (await start()).app
    sealed = one.keys.seal(b"seed", "totp/7")
    assert two.keys.unseal(sealed, "totp/7") == b"seed"
    version, kid, text, purpose = sealed.split(".")
    assert (version, purpose, len(sealed) < 255) == ("s1", "totp/7", True)
    wrong = ["", "s1", sealed[:-1], f"s2.{kid}.{text}.{purpose}", f"s1.00.{text}.{purpose}", f"s1.{kid}.AAAA.{purpose}"]
    for damaged in (*wrong, f"s1.{kid}.{text}.totp/8", f"s1.{kid}.a.{purpose}"):
        for asked in ("totp/7", "totp/8"):
            with pytest.raises(InvalidTokenError):
                one.keys.unseal(damaged, asked)
    assert one.keys.seal(b"seed", "totp/7") != sealed


@pytest.mark.parametrize("texts", [0, 1, 5])
async def test_what_is_sealed_is_sealed_anew(
    app: App, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, texts: int
) -> None:
    """In small jobs, once the new key is known everywhere; a day later the old key is deleted."""
    monkeypatch.setattr(rotation, "BATCH", 2)
    await enrolled(app, texts)
    worker = Worker(app, TASKS)
    await keys.rotate(app)
    await worker.drain()
    assert await sealed_with(app) == {1: texts} if texts else True
    await clock.advance(LEAD)
    await until(lambda: len(app.keys.jwks()["keys"]) == 2)
    await worker.drain()
    assert await sealed_with(app) == ({2: texts} if texts else {})
    assert await Key.filter(use=KeyUse.SEAL).count() == 2
    await clock.advance(timedelta(days=1))
    await worker.drain()
    assert [row.number for row in await Key.filter(use=KeyUse.SEAL)] == [2]
    await app.key_keeper.load()
    assert [app.keys.unseal(row.sealed_secret.split()[0], "totp") for row in await Totp.all().order_by("id")] == [
        b"%d" % number for number in range(texts)
    ]
    assert app.keys.unseal(app.keys.seal(b"x", "totp"), "totp") == b"x"


async def test_sealing_anew_may_be_interrupted_and_run_twice(
    app: App, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that fails half-way has changed nothing; what was changed meanwhile is left alone; nothing is lost."""
    await enrolled(app, 3)
    await keys.rotate(app)
    await clock.advance(LEAD)
    await app.key_keeper.load()
    first = {"number": 2, "walk": 1, "after": 0}

    with monkeypatch.context() as patched:
        patched.setattr(rotation, "_go_on", Mock(side_effect=RuntimeError("interrupted")))
        with pytest.raises(RuntimeError, match="interrupted"):
            await keys.reseal(app, first)
    assert await sealed_with(app) == {1: 3}
    await asyncio.gather(keys.reseal(app, first), keys.reseal(app, first))
    before = [row.sealed_secret for row in await Totp.all().order_by("id")]
    await keys.reseal(app, first)
    assert [row.sealed_secret for row in await Totp.all().order_by("id")] == before
    assert await sealed_with(app) == {2: 3}


async def test_text_that_nothing_opens_is_left_alone(app: App, clock: ManualClock) -> None:
    """It is logged by its row, the others are sealed anew, and a key that still has texts is kept."""
    await enrolled(app, 2)
    kid = (await Key.get(use=KeyUse.SEAL)).kid
    await Totp.filter(sealed_secret=(await Totp.first()).sealed_secret).update(sealed_secret=f"s1.{kid}.AAAA.totp")  # type: ignore[union-attr]
    await keys.rotate(app)
    await clock.advance(LEAD)
    await app.key_keeper.load()
    with capture_logs() as logs:
        await Worker(app, TASKS).drain()
        await clock.advance(timedelta(days=1))
        await Worker(app, TASKS).drain()
    assert [log["totp_id"] for log in logs if log["event"] == "keys.not_resealed"] == [1, 1]
    assert await sealed_with(app) == {1: 1, 2: 1}
    assert await Key.filter(use=KeyUse.SEAL).count() == 2


async def enrolled(app: App, texts: int) -> None:
    """So many authenticator apps, each with a seed of its own."""
    from models import User

    for number in range(texts):
        user = await User.create(
            email=f"{number}@example.com", email_key=f"{number}@example.com", password_hash="-", created_at=START
        )
        seeds = [app.keys.seal(seed, "totp") for seed in (b"%d" % number, b"waits to replace it")]
        await Totp.create(user=user, sealed_secret=" ".join(seeds), created_at=START)


async def sealed_with(_: App) -> dict[int, int]:
    """How many texts each sealing key has sealed, by its number."""
    numbers = {row.kid: row.number for row in await Key.filter(use=KeyUse.SEAL)}
    found: dict[int, int] = {}
    for row in await Totp.all():
        [number] = {numbers[text.split(".")[1]] for text in row.sealed_secret.split()}
        found[number] = found.get(number, 0) + 1
    return found


def test_key_is_sealed_for_its_row() -> None:
    """A key in the row of another, in another format or with a changed letter does not open."""
    envelope = Envelope([NEW_SECRET, SECRET])
    sealed = envelope.seal(b"k" * 32, "SIGN.a")
    assert envelope.open(sealed, "SIGN.a") == b"k" * 32
    older = Envelope([SECRET]).seal(b"k" * 32, "SIGN.a")
    assert (envelope.is_newest(sealed, "SIGN.a"), envelope.is_newest(older, "SIGN.a")) == (True, False)
    assert envelope.open(older, "SIGN.a") == b"k" * 32
    for text, name in ((sealed, "SIGN.b"), (sealed, "SEAL.a"), (f"e2{sealed[2:]}", "SIGN.a"), (sealed[:-2], "SIGN.a")):
        with pytest.raises(SealedElsewhereError):
            envelope.open(text, name)
    with pytest.raises(SealedElsewhereError):
        envelope.open("e1.not base64!", "SIGN.a")


def test_moment_of_issue_chooses_the_key(clock: ManualClock) -> None:
    """The last one that was active then; before the first one was, the first."""
    ring = KeyRing([SECRET], issuer="https://porchlight.example", clock=clock)
    signing = [SigningKey(bytes([number]) * 32, START + timedelta(hours=number)) for number in (1, 2, 3)]
    ring.load(signing, [SealingKey("00", b"s" * 32, START)], b"i" * 32)
    chosen = [ring.signing_key(START + timedelta(hours=hours)) for hours in (0, 1, 1.9, 2, 99)]
    assert [signing.index(key) for key in chosen] == [0, 0, 0, 1, 2]
