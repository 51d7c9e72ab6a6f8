import asyncio
import json
import signal
import sqlite3
from contextlib import AsyncExitStack, closing, suppress
from email import message_from_bytes, policy
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pyotp
import pytest
import websockets
from websockets.typing import Subprotocol

from adapters.mail.smtp import Tls
from core.settings import Settings
from models import User
from services import demo
from services.app import open_app
from tests.clock import ManualClock
from tests.mailbox import outbox, text_of, token_in
from tests.porchlight import LOGIN, PASSWORD, REFRESH, REGISTER, Connection
from tests.program import ROOT, SERVER, Program, Programs, free_port
from tests.second_factors import CONFIRM, ENROLL
from tests.services.smtp import Serve
from tests.services.valkey import until

ME = "{ me { id databaseId role } }"
COUNTDOWN = "subscription { trialCountdown(everySeconds: 3600) { secondsLeft } }"
EXTEND = """mutation($userId: ID!, $days: Int!, $reason: String!) {
  extendTrial(userId: $userId, days: $days, reason: $reason) { __typename }
}"""
VERIFY = "mutation($token: String!) { verifyEmail(token: $token) { __typename } }"
PRODUCTION = {
    "PROFILE": "production",
    "SECRET_KEY": "a-secret-of-this-test-run-and-of-no-other-place",
    "PAYMENTS_URL": "stripe://",
    "STRIPE_API_KEY": "sk_live_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
}

NEW_SECRET = "a-secret-that-follows-the-one-of-this-test-run"
SEEN = {"HOST": "0.0.0.0"}  # ruff: ignore[hardcoded-bind-all-interfaces] -- what others can reach is the case here

OF_WELCOME = "FROM jobs WHERE dedup_key LIKE 'mail.welcome:%'"


@pytest.fixture
def shared(postgres_url: str, redis_url: str) -> dict[str, str]:
    """What several processes share."""
    return {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url}


def letters(programs: Programs) -> list[str]:
    """Whom the outbox has letters for."""
    files = sorted((programs.folder / "var" / "outbox").glob("*.eml"))
    return [message_from_bytes(file.read_bytes(), policy=policy.default)["To"] for file in files]


def rows(programs: Programs, sql: str) -> list[tuple[Any, ...]]:
    """What stands in the SQLite file."""
    with closing(sqlite3.connect(programs.folder / "var" / "porchlight.sqlite3")) as connection:
        return connection.execute(sql).fetchall()


async def register(program: Program, email: str = "ada@example.com") -> dict[str, Any]:
    """Somebody new."""
    data = await program.ask(REGISTER, {"input": {"email": email, "password": PASSWORD}})
    assert data["register"]["__typename"] == "RegisterSuccess", data
    registered: dict[str, Any] = data["register"]
    return registered


async def prove(programs: Programs, program: Program, email: str) -> None:
    """Follow the link of the welcome letter."""
    folder = programs.folder / "var" / "outbox"
    await until(lambda: email in letters(programs), 10)
    [letter] = [letter for letter in outbox(folder) if letter["To"] == email]
    result = await program.ask(VERIFY, {"token": token_in(text_of(letter))})
    assert result["verifyEmail"]["__typename"] == "VerifyEmailSuccess"


def socket_to(program: Program) -> websockets.connect:
    """A socket that speaks our protocol."""
    return websockets.connect(
        f"ws://127.0.0.1:{program.port}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")]
    )


async def counting_down(raw: websockets.ClientConnection, token: str) -> Connection:
    """A countdown whose first tick has come."""
    connection = Connection(raw)
    await connection.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
    assert (await connection.receive())["type"] == "connection_ack"
    await connection.subscribe(COUNTDOWN)
    await connection.next()
    return connection


async def test_nothing_needs_to_be_set(programs: Programs) -> None:
    """It starts, says where it is, and what it shows is true: the demo account signs in, now and after a restart."""
    first = await programs.serve().listening()
    where = f"http://localhost:{first.port}"
    assert [line.split() for line in first.out.splitlines() if line.strip()] == [
        ["Porchlight", "is", "on."],
        ["GraphQL", f"{where}/graphql"],
        ["WebSocket", f"ws://localhost:{first.port}/graphql", "(graphql-transport-ws)"],
        ["Health", f"{where}/readyz", "/healthz", "/metrics"],
        ["Database", "sqlite://var/porchlight.sqlite3"],
        ["Limits,", "bus", "memory://", "(this", "process)"],
        ["Mail", "outbox://var/outbox"],
        ["read", "it", "at", f"{where}/dev/outbox"],
        ["Embeddings", "local://"],
        ["Vectors", "embedded://"],
        ["Jobs", "in", "this", "process"],
        ["Demo", "account", "demo@example.com", first.demo_password],
        ["Ctrl-C", "stops", "it."],
    ]
    assert await signed_in(first, first.demo_password) == "LoginSuccess"
    await until(lambda: letters(programs) == ["demo@example.com"] * 2, 20)  # a welcome, and word of a new device
    assert await first.stop() == 0
    second = await programs.serve().listening()
    assert second.demo_password == first.demo_password
    (programs.folder / "var" / "demo_password").unlink()
    assert await second.stop() == 0
    third = await programs.serve().listening()
    assert third.demo_password != first.demo_password
    assert await signed_in(third, first.demo_password) == "InvalidCredentials"
    assert await signed_in(third, third.demo_password) == "LoginSuccess"
    assert await third.stop() == 0
    assert "Traceback" not in first.err + second.err + third.err


async def signed_in(program: Program, password: str) -> str:
    """What comes of signing in to the demo account."""
    data = await program.ask(LOGIN, {"input": {"email": "demo@example.com", "password": password}})
    return str(data["login"]["__typename"])


@pytest.mark.parametrize("environment", [SEEN, PRODUCTION], ids=["seen", "production"])
async def test_demo_account_is_for_this_machine_in_development(programs: Programs, environment: dict[str, str]) -> None:
    """Where others can reach the server, and in production, nobody has a password that stands on a screen."""
    program = await programs.serve(**environment).listening()
    assert "Demo account" not in program.out
    assert ("/dev/outbox" in program.out) is (environment is not PRODUCTION)
    assert rows(programs, "SELECT count(*) FROM users") == [(0,)]
    assert not (programs.folder / "var" / "demo_password").exists()


async def test_servers_that_start_at_once_have_one_demo_account(settings: Settings, clock: ManualClock) -> None:
    """Whichever of them makes it, its password is the one that all of them show."""
    async with open_app(settings, clock=clock) as app:
        with app.database.bound():
            await asyncio.gather(*(demo.ensure(app, demo.EMAIL, PASSWORD) for _ in range(5)))
            [user] = await User.all()
            assert (user.email, user.name) == ("demo@example.com", "Demo")
            assert await app.passwords.verify(PASSWORD, user.password_hash)
            await demo.ensure(app, demo.EMAIL, f"{PASSWORD} 2")
            [user] = await User.all()
            assert await app.passwords.verify(f"{PASSWORD} 2", user.password_hash)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_stop_lets_requests_end_and_says_goodbye_to_sockets(programs: Programs, number: int) -> None:
    """A request that has begun is answered, an open countdown is closed with 1012 (restart), the status is 0."""
    program = await programs.serve().listening()
    token = (await register(program))["tokens"]["accessToken"]
    body = json.dumps({"query": ME}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(program.port))
    async with socket_to(program) as raw:
        connection = await counting_down(raw, token)
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
            % (token.encode(), len(body))
        )
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        program.process.send_signal(number)
        assert await connection.closed() == (1012, "")
        await program.deaf()
        writer.write(body)
        answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"databaseId":2' in answer
    assert await program.ended() == 0
    assert "Traceback" not in program.err
    writer.close()


async def test_stop_lets_a_job_end(programs: Programs, serve_smtp: Serve) -> None:
    """A letter that is being handed over is handed over, and written down as done."""
    server = await serve_smtp(Tls.NONE)
    begun, go_on = asyncio.Event(), asyncio.Event()
    take = server.handle_DATA

    async def slowly(*given: Any) -> str:
        begun.set()
        await go_on.wait()
        return await take(*given)

    setattr(server, "handle_DATA", slowly)  # ruff: ignore[set-attr-with-constant] -- the server asks this object
    program = await programs.serve(MAIL_URL=f"smtp://127.0.0.1:{server.port}?tls=none").listening()
    await register(program)
    await asyncio.wait_for(begun.wait(), 10)
    program.process.send_signal(signal.SIGTERM)
    await program.deaf()
    assert program.process.poll() is None
    go_on.set()
    assert await program.ended() == 0
    assert [message["To"] for message in server.messages] == ["ada@example.com"]
    assert rows(
        programs, "SELECT attempts, done_at IS NOT NULL, last_error FROM jobs WHERE dedup_key LIKE 'mail.welcome:%'"
    ) == [(1, 1, None)]


WRONG = "Porchlight cannot start with these settings:"
FAILURES = [
    (
        {"PORT": "http", "LOG_LEVEL": "loud"},
        "PORT: is 'http'; a whole number from 1 to 65535 would be right\n  LOG_LEVEL: is",
    ),
    ({"HOST": "192.0.2.1"}, "HOST: 192.0.2.1:{port} cannot be had (Cannot assign requested address); 127.0.0.1, or "),
    ({"MAIL_URL": "smtp://"}, "MAIL_URL: cannot be understood; outbox://folder or smtp://user:password@host:port?tls="),
    (
        {"DATABASE_URL": "postgres://u:hunter2@127.0.0.1:1/p?password=hunter2&x=1"},
        "DATABASE_URL: cannot be understood; sqlite://folder/file?busy_timeout=5000 or postgres://user:password@host",
    ),
]
LOST = [
    ({"DATABASE_URL": "postgres://u:hunter2@127.0.0.1:1/p"}, "DATABASE_URL: postgres://127.0.0.1:1/p cannot be used: "),
    (
        {"DATABASE_URL": "sqlite:///dev/null/p"},
        "DATABASE_URL: sqlite:///dev/null/p cannot be used: [Errno 17] File exi",
    ),
    ({"MAIL_URL": "outbox:///dev/null/p"}, "MAIL_URL: outbox:///dev/null/p cannot be used: [Errno 20] Not a directory"),
]


@pytest.mark.parametrize(("environment", "problem"), FAILURES, ids=["values", "address", "mail", "database"])
async def test_wrong_settings_are_told(programs: Programs, environment: dict[str, str], problem: str) -> None:
    """The variable's name and what would be right, without a trace or a password; the status is 2."""
    program = programs.serve(**environment)
    assert await program.ended() == 2
    assert program.err.startswith(f"{WRONG}\n  {problem.replace('{port}', program.port)}")
    assert len(program.err.splitlines()) == 1 + len(environment)
    assert "hunter2" not in program.err
    assert not program.out


@pytest.mark.parametrize(("environment", "problem"), LOST, ids=["postgres", "sqlite", "outbox"])
async def test_what_is_not_there_is_told(programs: Programs, environment: dict[str, str], problem: str) -> None:
    """Which setting leads nowhere, and why, without a trace or a password; the status is 3."""
    program = programs.serve(**environment)
    assert await program.ended() == 3
    assert program.err.startswith(f"Porchlight cannot run:\n  {problem}")
    assert len(program.err.splitlines()) == 2
    assert "hunter2" not in program.err
    assert not program.out


async def test_taken_port_is_told(programs: Programs) -> None:
    """The first server goes on, the second one ends at once and has touched nothing."""
    first = await programs.serve().listening()
    second = programs.serve(PORT=str(first.port))
    assert await second.ended() == 2
    _, problem = second.err.splitlines()
    reason = "cannot be had (Address already in use); a free port above 1023 would be right"
    assert problem == f"  PORT: 127.0.0.1:{first.port} {reason}"
    assert await first.ask(ME) == {"me": None}


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_server_database_is_migrated_by_its_operators(
    programs: Programs, empty_postgres_url: str, redis_url: str, workers: str
) -> None:
    """A start on an older schema names the command, with one process and with several."""
    program = programs.serve(DATABASE_URL=empty_postgres_url, REDIS_URL=redis_url, WORKERS=workers)
    assert await program.ended() == 3
    assert program.err.startswith("Porchlight cannot run:\n  The database lacks 0001_initial")
    assert program.err.endswith(": run `make migrate`.\n")


def serving(program: Program) -> list[psutil.Process]:
    """The processes that answer, oldest first."""
    found = []
    for child in psutil.Process(program.process.pid).children():
        with suppress(psutil.Error):  # it has ended since
            found += [child] * ("spawn_main" in " ".join(child.cmdline()))
    return found


async def test_two_processes_serve_and_stop_together(programs: Programs, shared: dict[str, str]) -> None:
    """One screen, two processes that answer; one that dies is replaced; the signal ends them all."""
    program = await programs.serve(WORKERS="2", **shared).listening()
    assert program.out.count("Porchlight is on.") == 1
    assert ["Processes", "2"] in [line.split() for line in program.out.splitlines()]
    assert "Demo account" not in program.out  # a database of its own may be everybody's
    first = serving(program)
    assert len(first) == 2
    first[0].kill()
    await until(lambda: len(serving(program)) == 2 and first[0] not in serving(program), 10)
    everyone = psutil.Process(program.process.pid).children(recursive=True)
    token = (await register(program))["tokens"]["accessToken"]
    found = await asyncio.gather(*(program.ask(ME, token=token) for _ in range(20)))
    assert {answer["me"]["databaseId"] for answer in found} == {1}
    await until(lambda: letters(programs) == ["ada@example.com"])
    assert await ends_of_what_is_open(program, token) == [(1012, "The server restarts")] * 4
    assert await program.ended() == 0
    assert psutil.wait_procs(everyone, timeout=5)[1] == []
    assert "Traceback" not in program.err


async def test_nobody_serves_on_when_the_first_process_is_killed(programs: Programs, shared: dict[str, str]) -> None:
    """Its processes stop in order, and their port is free for a new start. Each had its model before it was asked."""
    program = await programs.serve(WORKERS="2", **shared).listening()
    found = serving(program)

    def ready() -> bool:
        return all(any("numpy" in part.path for part in each.memory_maps()) for each in found)

    await until(ready, 20)
    program.process.kill()
    await program.ended()
    await program.deaf()
    assert psutil.wait_procs(found, timeout=10)[1] == []
    assert "Traceback" not in program.err


async def ends_of_what_is_open(program: Program, token: str) -> list[tuple[int | None, str | None]]:
    """Stop a program on which sockets are open: how each of them ended."""
    address, protocol = program.url.replace("http", "ws", 1) + "/graphql", [Subprotocol("graphql-transport-ws")]
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(websockets.connect(address, subprotocols=protocol, proxy=None))
            for _ in range(4)
        ]
        for each in opened:
            await each.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
            assert json.loads(await each.recv()) == {"type": "connection_ack"}
        program.process.send_signal(signal.SIGTERM)
        for each in opened:
            with pytest.raises(websockets.ConnectionClosed):
                await each.recv()
        return [(each.close_code, each.close_reason) for each in opened]


async def test_any_asgi_server_can_run_it(programs: Programs) -> None:
    """The factory reads the environment, opens what it names, and closes it at the end."""
    port = free_port()
    program = programs.run("-m", "uvicorn", "--factory", "server:create", "--port", str(port), PORT=str(port))
    await until(lambda: "Press CTRL+C" in program.err, 10)
    await register(program)
    await until(lambda: letters(programs) == ["ada@example.com"])
    await program.stop(signal.SIGINT)
    assert rows(programs, f"SELECT attempts, done_at IS NOT NULL {OF_WELCOME}") == [(1, 1)]
    assert "Traceback" not in program.err


async def test_letter_outlives_a_killed_server(programs: Programs, shared: dict[str, str]) -> None:
    """Killed after the registration: the worker delivers its letter, once, and stops when it is told to."""
    environment = {"JOBS": "external", **shared}
    server = await programs.serve(**environment).listening()
    await register(server)
    assert await server.stop(signal.SIGKILL) == -signal.SIGKILL
    assert letters(programs) == []
    worker = programs.run("-m", "worker", **environment)
    await until(lambda: len(letters(programs)) == 1, 10)
    again = programs.run("-m", "worker", **environment)
    await until(lambda: "is on" in again.out, 10)
    assert await again.stop(signal.SIGINT) == 0
    assert await worker.stop(signal.SIGTERM) == 0
    assert letters(programs) == ["ada@example.com"]
    assert "Traceback" not in worker.err


async def test_letter_outlives_a_server_killed_in_the_middle_of_trying(programs: Programs) -> None:
    """The mail folder was in the way, the process died, and the next start delivers what is owed."""
    first = await programs.serve().listening()
    await until(lambda: letters(programs) == ["demo@example.com"])
    folder = programs.folder / "var" / "outbox"
    folder.rename(folder.with_name("moved"))
    folder.touch()
    await register(first)
    failed = f"SELECT last_error LIKE 'Unavailable: %' {OF_WELCOME} ORDER BY id"
    await until(lambda: rows(programs, failed)[-1] == (1,))
    await first.stop(signal.SIGKILL)
    folder.unlink()
    second = await programs.serve().listening()
    await until(lambda: letters(programs) == ["ada@example.com"], 10)
    assert await second.stop() == 0
    done = "SELECT attempts, done_at IS NOT NULL FROM jobs WHERE dedup_key LIKE 'mail.welcome:%' ORDER BY id"
    assert rows(programs, done) == [(1, 1), (2, 1)]


async def test_change_in_one_process_reaches_a_countdown_in_another(programs: Programs, shared: dict[str, str]) -> None:
    """An administrator, made on the command line, extends the trial on one server; the other tells it at once."""
    one, other = await asyncio.gather(
        programs.serve(SECRET_KEY=PRODUCTION["SECRET_KEY"], **shared).listening(),
        programs.serve(
            SECRET_KEY=PRODUCTION["SECRET_KEY"], JOBS="external", PUBLIC_URL="http://localhost:8000", **shared
        ).listening(),
    )
    ada = await register(one)
    await prove(programs, one, "ada@example.com")
    admin = programs.run("-m", "worker.admin", "ADA@example.com", SECRET_KEY=PRODUCTION["SECRET_KEY"], **shared)
    assert await admin.ended() == 0
    assert admin.out.startswith("ADA@example.com is an administrator.")
    assert "enrollTotp" in admin.out
    signed_in = await one.ask(LOGIN, {"input": {"email": "ada@example.com", "password": PASSWORD}})
    login = await other.ask(LOGIN, {"input": {"email": "ada@example.com", "password": PASSWORD}})
    token = login["login"]["tokens"]["accessToken"]
    app = pyotp.TOTP((await other.ask(ENROLL, token=token))["enrollTotp"]["secret"])
    confirmed = await other.ask(CONFIRM, {"code": app.now()}, token=token)
    assert confirmed["confirmTotp"]["__typename"] == "ConfirmTotpSuccess"
    async with socket_to(one) as raw:
        connection = await counting_down(raw, signed_in["login"]["tokens"]["accessToken"])
        change = {"userId": ada["user"]["id"], "days": 7, "reason": "test"}
        extended = await other.ask(EXTEND, change, token=token)
        assert extended == {"extendTrial": {"__typename": "ExtendTrialSuccess"}}
        tick = await connection.next()
    assert [await one.stop(), await other.stop()] == [0, 0]
    assert 20 * 86_400 < tick["data"]["trialCountdown"]["secondsLeft"] <= 21 * 86_400


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("-m", "worker.admin", "nobody@example.com"), 1, "Nobody has registered with nobody@example.com.\n"),
        (("-m", "worker.admin"), 2, "Whom to make an administrator? make admin EMAIL=somebody@example.com\n"),
        (
            ("-m", "worker"),
            2,
            f"{WRONG}\n  JOBS: a worker of its own needs JOBS=external, for the server too\n",
        ),
    ],
)
async def test_command_that_cannot_be_done_says_why(
    programs: Programs, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """In one sentence on standard error."""
    program = programs.run(*arguments)
    assert await program.ended() == status
    assert (program.out, program.err) == ("", said)


async def test_commands_tell_wrong_settings_and_a_lost_database(programs: Programs) -> None:
    """As the server does."""
    gone = {"DATABASE_URL": "postgres://127.0.0.1:1/p", "REDIS_URL": "redis://127.0.0.1:1", "JOBS": "external"}
    for arguments in (("-m", "worker"), ("-m", "worker.keys"), ("-m", "worker.admin", "ada@example.com")):
        wrong, lost = programs.run(*arguments, PORT="x"), programs.run(*arguments, **gone)
        assert (await wrong.ended(), wrong.err.count("PORT: ")) == (2, 1)
        assert (await lost.ended(), lost.err.count("DATABASE_URL: ")) == (3, 1)
        assert "Traceback" not in wrong.err + lost.err


async def test_keys_are_rotated_while_the_server_runs(programs: Programs, shared: dict[str, str]) -> None:
    """`make rotate-keys` publishes the next key at once and tells when it counts; a second one begins nothing."""
    settings = {**shared, "SECRET_KEY": PRODUCTION["SECRET_KEY"]}
    server = await programs.serve(**settings).listening()
    ada = await register(server)
    first = programs.run("-m", "worker.keys", **settings)
    assert await first.ended() == 0
    assert first.out.startswith("A rotation has begun: the new keys are used from ")
    async with httpx.AsyncClient(base_url=server.url) as http:

        async def both() -> bool:
            return len((await http.get("/.well-known/jwks.json")).json()["keys"]) == 2

        await until(both)
    newer = {**settings, "SECRET_KEY": f"{NEW_SECRET},{PRODUCTION['SECRET_KEY']}"}
    second = programs.run("-m", "worker.keys", **newer)
    assert await second.ended() == 0
    assert second.out.startswith("A rotation is under way already: the new keys are used from ")
    assert second.out.endswith("\n5 stored keys have been sealed anew, with the first secret of SECRET_KEY.\n")
    assert await server.ask(ME, token=ada["tokens"]["accessToken"]) == {
        "me": {name: ada["user"][name] for name in ("id", "databaseId", "role")}
    }
    assert await server.stop() == 0


async def test_secret_that_opens_no_key_is_a_wrong_setting(programs: Programs) -> None:
    """Of the server, in one process or several, and of the command; the sentence names it, and no trace follows."""
    server = await programs.serve(SECRET_KEY=PRODUCTION["SECRET_KEY"]).listening()
    assert await server.stop() == 0
    for arguments in (SERVER, ("-m", "worker.keys")):
        program = programs.run(*arguments, SECRET_KEY=NEW_SECRET, PORT=str(free_port()))
        assert (await program.ended(), program.out) == (2, "")
        assert program.err.startswith(f"{WRONG}\n  SECRET_KEY: no secret of the list opens the keys in the database")
        assert program.err.count("\n") == 2


async def test_start_imports_no_vendor(programs: Programs) -> None:
    """What an empty environment does not use costs its start nothing."""
    vendors = {"stripe", "openai", "weaviate", "redis", "asyncpg", "jinja2", "aiosmtplib", "hypothesis", "PIL"}
    program = await programs.run("-X", "importtime", str(ROOT / "server.py"), PORT=str(free_port()), **SEEN).listening()
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in program.err.splitlines()}
    assert {"strawberry", "tortoise", "uvicorn"} <= imported
    assert imported & vendors == set()
    alone = programs.run("-c", "import server, sys; sys.exit('numpy' in sys.modules)")
    assert await alone.ended() == 0, "numpy is for after the start"


async def test_log_at_debug_holds_no_secret(programs: Programs) -> None:
    """Registering, signing in and refreshing leave neither a password nor a token in any line."""
    program = await programs.serve(LOG_LEVEL="debug", LOG_FORMAT="json").listening()
    registered = await register(program)
    given = {"email": "ada@example.com", "password": PASSWORD}
    login = (await program.ask(LOGIN, {"input": given}))["login"]
    refreshed = await program.ask(REFRESH, {"token": login["tokens"]["refreshToken"]})
    await program.ask(LOGIN, {"input": {**given, "password": "a wrong one, but a secret"}})
    await program.ask(ME, token=refreshed["refreshSession"]["tokens"]["accessToken"])
    assert await program.stop() == 0
    tokens = [answer["tokens"] for answer in (registered, login, refreshed["refreshSession"])]
    secrets = [PASSWORD, "a wrong one", program.demo_password, "$argon2id$", "eyJ", "v1."]
    secrets += [token[name] for token in tokens for name in ("accessToken", "refreshToken")]
    assert [secret for secret in secrets if secret in program.err] == []
    events = [json.loads(line) for line in program.err.splitlines()]
    operations = [event for event in events if event["event"] == "graphql.operation"]
    requests = [event for event in events if event["event"] == "http.request" and event["path"] == "/graphql"]
    assert len(operations) == len(requests) == 5
    assert [event["request_id"] for event in operations] == [event["request_id"] for event in requests]
    assert len({event["request_id"] for event in requests}) == 5
