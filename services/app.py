"""The one container: what a running Porchlight consists of, opened and closed for server and worker alike."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from adapters.bus import Bus, open_bus
from adapters.database import Database, open_database, pending
from adapters.limits import Limits, open_limits
from adapters.mail import Mail, open_mail
from core.clock import Clock, SystemClock
from core.metrics import Metrics
from core.passwords import Passwords
from core.settings import Settings
from core.tokens import KeyRing
from services.billing import Catalogue, read_catalogue
from services.trials.countdown import Countdown


class SchemaOutdatedError(Exception):
    """The database is older than the code, and it is not ours to change."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What we need from outside, each behind its Protocol."""

    database: Database
    limits: Limits
    bus: Bus
    mail: Mail


@dataclass(kw_only=True)
class App:
    """What every service is handed."""

    settings: Settings
    clock: Clock
    ports: Ports
    passwords: Passwords
    keys: KeyRing
    catalogue: Catalogue
    countdown: Countdown
    metrics: Metrics = field(default_factory=Metrics)
    draining: bool = False

    @property
    def database(self) -> Database:
        """Where rows live."""
        return self.ports.database

    @property
    def bus(self) -> Bus:
        """How processes tell each other that something changed."""
        return self.ports.bus

    @property
    def limits(self) -> Limits:
        """How tries are counted."""
        return self.ports.limits

    @property
    def mail(self) -> Mail:
        """How letters leave."""
        return self.ports.mail


def choose_ports(settings: Settings) -> Ports:
    """The variant of each port that the settings name, not yet opened."""
    shared = settings.redis_url or "memory://"
    return Ports(
        database=open_database(settings.database_url),
        limits=open_limits(shared),
        bus=open_bus(shared),
        mail=open_mail(settings.mail_url),
    )


def assemble(settings: Settings, ports: Ports | None = None, clock: Clock | None = None) -> App:
    """The parts, put together and not yet opened."""
    ports = ports or choose_ports(settings)
    clock = clock or SystemClock()
    return App(
        settings=settings,
        clock=clock,
        ports=ports,
        passwords=Passwords(
            memory=settings.argon2_memory_kib,
            time=settings.argon2_time,
            parallelism=settings.argon2_parallelism,
            pool=settings.argon2_pool,
        ),
        keys=KeyRing(settings.secret_key, issuer=settings.public_url),
        catalogue=read_catalogue(),
        countdown=Countdown(clock, ports.database, ports.bus),
    )


@asynccontextmanager
async def open_app(
    settings: Settings, ports: Ports | None = None, clock: Clock | None = None
) -> AsyncGenerator[App, None]:
    """A whole application, opened for server, worker and commands alike."""
    app = assemble(settings, ports, clock)
    async with opened(app):
        yield app


@asynccontextmanager
async def opened(app: App) -> AsyncGenerator[None, None]:
    """Open everything in order, make its database the current one, and close in reverse whatever happens.

    Raises SchemaOutdatedError, Unavailable.
    """
    async with AsyncExitStack() as stack:
        stack.callback(app.passwords.close)
        stack.push_async_callback(app.limits.close)
        await bring_up_to_date(app.settings.database_url)
        for port in (app.database, app.bus, app.mail):
            stack.push_async_callback(port.close)
            await port.open()
        stack.enter_context(app.database.bound())
        stack.push_async_callback(app.countdown.close)
        await app.countdown.open()
        yield


async def bring_up_to_date(database_url: str) -> None:
    """Migrate the embedded database; a server's own one is migrated by its operators. Raises SchemaOutdatedError."""
    missing = await pending(database_url)
    if not missing:
        return
    if not database_url.startswith("sqlite"):
        raise SchemaOutdatedError(f"The database lacks {', '.join(missing)}: run `make migrate`.")
    from adapters.database.migrating import migrate  # ruff: ignore[import-outside-top-level] -- start time

    await migrate(database_url)
