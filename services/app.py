"""The one container: what a running Porchlight consists of, opened and closed for server and worker alike."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

from adapters.breaches import Breaches
from adapters.bus import Bus
from adapters.database import Database, pending
from adapters.embeddings import Embeddings
from adapters.flags import OpenFeatureFlags
from adapters.images import ImageDecoder
from adapters.limits import Limits
from adapters.mail import Mail
from adapters.payments import Payments
from adapters.vectors import Vectors
from adapters.vision import Vision
from core.clock import AdjustableClock, Clock, SystemClock
from core.errors import PorchlightError, Unavailable
from core.keys import Envelope
from core.metrics import Metrics
from core.passwords import Passwords
from core.setting_values import shown
from core.settings import Settings, SettingsError
from core.tokens import KeyRing
from services import clock as clocks
from services.billing import Catalogue, read_catalogue
from services.budgets.prices import Prices, read_prices
from services.embedding_spaces import SpaceKeeper
from services.flags import FlagKeeper, read_flags
from services.fraud.rules import Rules, RulesError, read_rules
from services.intents import IntentKeeper, read_intents
from services.keys import KeyKeeper
from services.measuring import Measuring
from services.monitoring import Present, Siblings, Stored, watching_loop
from services.ports import Ports, choose_ports
from services.recommendations.collaborative import Collaborative
from services.recommendations.index import ItemIndex
from services.recommendations.item_rows import ItemRows
from services.recommendations.nearby import Nearby
from services.recommendations.revisions import CHANNEL as ITEMS_EMBEDDED
from services.recommendations.shelf import Shelves
from services.sessions import CHANGED
from services.signals import Signals
from services.trials.countdown import Countdown
from services.turns import Turns
from services.viewers import Viewers

SIGN_UPS_AT_ONCE = 4
"""Transactions of sign-ups that one process runs at a time: fewer than the connections of its pool."""


class SchemaOutdatedError(PorchlightError):
    """The database is older than the code, and it is not ours to change."""


@dataclass(kw_only=True)
class App:
    """What every service is handed."""

    settings: Settings
    clock: Clock
    ports: Ports
    passwords: Passwords
    keys: KeyRing
    key_keeper: KeyKeeper
    catalogue: Catalogue
    model_prices: Prices
    fraud_rules: Rules
    shadow_rules: Rules | None
    flags: FlagKeeper
    countdown: Countdown
    measuring: Measuring
    spaces: SpaceKeeper
    items: ItemIndex
    intents: IntentKeeper
    collaborative: Collaborative
    recommendations_changed: Signals
    viewers: Viewers
    sessions_changed: Signals
    trials_changed: Signals
    usage_changed: Signals
    plans_changed: Signals
    """Whose purchase has changed, by the user's number."""
    usage_turns: WeakValueDictionary[int, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    """Reports of one user wait here for each other, rather than each with a connection of the pool."""
    billing_turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    """Who asks the provider about one object waits for each other: the second one often need not ask any more."""
    sign_ups: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SIGN_UPS_AT_ONCE))
    """Who registers waits for a turn and not, holding a connection, for who shares a key with them."""
    shelves: Shelves = field(default_factory=Shelves)
    """The catalogue as arrays."""
    item_rows: ItemRows = field(default_factory=ItemRows)
    """The catalogue as it is shown."""
    nearby: Nearby = field(default_factory=Nearby)
    """What was near to which vector a moment ago."""
    openings: Turns = field(default_factory=Turns)
    """Sockets that sign in, operations that find their viewer, and subscriptions that open."""
    images: ImageDecoder = field(default_factory=ImageDecoder)
    metrics: Metrics = field(default_factory=Metrics)
    stored: Stored = field(default_factory=Stored)
    siblings: Siblings | None = None
    """The processes of this server, where there are several."""
    draining: bool = False
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when what is open for long has to end, because the process does."""

    def __post_init__(self) -> None:
        self.metrics.registry.register(Present(self))

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

    @property
    def breaches(self) -> Breaches:
        """Which passwords have leaked."""
        return self.ports.breaches

    @property
    def payments(self) -> Payments:
        """What is known of payment methods."""
        return self.ports.payments

    @property
    def embeddings(self) -> Embeddings:
        """How texts become vectors in the space that serves now. Who holds on to it stays in that space."""
        return self.spaces.serving

    @property
    def vectors(self) -> Vectors:
        """How near vectors are found."""
        return self.ports.vectors

    @property
    def vision(self) -> Vision:
        """What is seen in pictures."""
        return self.ports.vision


def assemble(settings: Settings, ports: Ports | None = None, clock: Clock | None = None) -> App:
    """The parts, put together and not yet opened."""
    clock = clock or (AdjustableClock() if settings.clock == "adjustable" else SystemClock())
    ports = ports or choose_ports(settings, clock)
    catalogue = read_catalogue()
    keys = KeyRing(settings.secret_key, issuer=settings.public_url, clock=clock)
    spaces = _spaces(settings, ports, clock)
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
        keys=keys,
        key_keeper=KeyKeeper(keys, Envelope(settings.secret_key), clock, ports.database, ports.bus),
        catalogue=catalogue,
        model_prices=read_prices(),
        fraud_rules=read_rules(),
        shadow_rules=_shadow_rules(settings),
        flags=FlagKeeper(read_flags(plans=catalogue.plans), OpenFeatureFlags(), ports.database, ports.bus),
        countdown=Countdown(clock, ports.database, ports.bus),
        measuring=Measuring(clock, ports.database),
        spaces=spaces,
        items=ItemIndex(spaces, ports.vectors, ports.database, ports.bus),
        intents=IntentKeeper(read_intents()),
        collaborative=Collaborative(ports.database, ports.bus),
        recommendations_changed=Signals(ports.bus, "recommendations.changed"),
        viewers=Viewers(settings.session_cache, ports.bus),
        sessions_changed=Signals(ports.bus, CHANGED),
        trials_changed=Signals(ports.bus, "trials.changed"),
        usage_changed=Signals(ports.bus, "usage.changed"),
        plans_changed=Signals(ports.bus, "plans.changed"),
    )


def _spaces(settings: Settings, ports: Ports, clock: Clock) -> SpaceKeeper:
    """The embeddings that serve. After each change of them the index of items is told that there are other vectors."""
    moved = partial(ports.bus.publish, ITEMS_EMBEDDED, "")
    return SpaceKeeper(settings.embeddings_url, ports.embeddings, ports.openai, ports.database, ports.bus, clock, moved)


def _shadow_rules(settings: Settings) -> Rules | None:
    try:
        return read_rules(Path(settings.fraud_shadow_rules)) if settings.fraud_shadow_rules else None
    except RulesError as error:
        raise SettingsError([f"FRAUD_SHADOW_RULES: {error}"]) from error


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

    Raises SchemaOutdatedError, Unavailable, SettingsError.
    """
    async with AsyncExitStack() as stack:
        if app.ports.tracing:
            stack.push_async_callback(app.ports.tracing.close)
        stack.callback(app.passwords.close)
        for close in (app.limits.close, app.breaches.close, app.payments.close, app.images.close):
            stack.push_async_callback(close)
        if app.ports.openai:
            stack.push_async_callback(app.ports.openai.close)
        await app.payments.open()
        with _naming("DATABASE_URL", app.settings.database_url):
            await bring_up_to_date(app.settings.database_url)
            stack.push_async_callback(app.database.close)
            await app.database.open()
        stack.push_async_callback(app.bus.close)
        await app.bus.open()
        with _naming("MAIL_URL", app.settings.mail_url):
            stack.push_async_callback(app.mail.close)
            await app.mail.open()
        # Embeddings make themselves ready at their first use: the server opens them once it listens.
        stack.push_async_callback(app.ports.embeddings.close)
        stack.push_async_callback(app.vectors.close)
        await app.vectors.open()
        stack.enter_context(app.database.bound())
        await stack.enter_async_context(clocks.following(app))
        await _follow(app, stack)
        stack.enter_context(watching_loop(app.metrics.loop_lag))
        if app.siblings:
            await stack.enter_async_context(app.siblings.telling())
        yield


async def _follow(app: App, stack: AsyncExitStack) -> None:
    """Begin to keep in memory what rows and other processes say."""
    for kept in (app.key_keeper, app.flags, app.countdown, app.spaces):
        stack.push_async_callback(kept.close)
        await kept.open()
    await stack.enter_async_context(app.measuring.writing())
    changed = (app.recommendations_changed, app.sessions_changed, app.trials_changed, app.usage_changed)
    for signals in (*changed, app.plans_changed, app.viewers):
        signals.open()
        stack.callback(signals.close)
    app.spaces.prepare = app.items.prepare
    stack.push_async_callback(app.nearby.close)
    for followed in (app.items, app.collaborative):
        stack.push_async_callback(followed.close)
        await followed.open()


@contextmanager
def _naming(variable: str, url: str) -> Generator[None]:
    """Tell which setting it was that could not be served."""
    try:
        yield
    except (OSError, Unavailable) as error:
        cause = error.__cause__ or error
        raise Unavailable(f"{variable}: {shown(url)} cannot be used: {str(cause) or type(cause).__name__}") from error


async def bring_up_to_date(database_url: str) -> None:
    """Migrate the embedded database; a server's own one is migrated by its operators. Raises SchemaOutdatedError."""
    missing = await pending(database_url)
    if not missing:
        return
    if not database_url.startswith("sqlite"):
        raise SchemaOutdatedError(f"The database lacks {', '.join(missing)}: run `make migrate`.")
    from adapters.database.migrating import migrate  # ruff: ignore[import-outside-top-level] -- start time

    await migrate(database_url)
