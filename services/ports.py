"""What we need from outside, and which variant of each the settings name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

from adapters.breaches import Breaches, open_breaches
from adapters.bus import Bus, open_bus
from adapters.database import Database, open_database
from adapters.embeddings import Embeddings, open_embeddings
from adapters.intents import Intents, open_intents
from adapters.limits import Limits, open_limits
from adapters.mail import Mail, open_mail
from adapters.openai import DeadModel, OpenAI, refuse_dead
from adapters.payments import Payments, open_payments
from adapters.tracing import Tracing, open_tracing, watch
from adapters.vectors import Vectors, open_vectors
from adapters.vision import Vision, open_vision
from core.clock import Clock, SystemClock
from core.settings import Settings, SettingsError

Port = TypeVar("Port")

FORMS = {
    "DATABASE_URL": "sqlite://folder/file?busy_timeout=5000 or postgres://user:password@host:port/name?sslmode=require",
    "REDIS_URL": "redis://user:password@host:port/number or rediss://…",
    "EMBEDDINGS_URL": "local:// or openai://MODEL?dimensions=512",
    "INTENTS_URL": "local:// or openai://MODEL",
    "VECTORS_URL": "embedded:// or weaviate://host:port?grpc=port&secure=true",
    "VISION_URL": "local:// or openai://MODEL",
    "BREACHES_URL": "https://host/range",
    "PAYMENTS_URL": "simulated://, simulated://FILE or stripe://",
    "MAIL_URL": "outbox://folder or smtp://user:password@host:port?tls=starttls (implicit, none)",
}
"""What each port's URL may look like. A wrong one is answered with this alone: any part of it may be a password."""


WATCHED = ("limits", "bus", "mail", "embeddings", "vectors", "vision", "breaches", "payments", "intents")
"""Ports whose calls are traced, where anything is. The database tells its statements."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What we need from outside, each behind its Protocol."""

    database: Database
    limits: Limits
    bus: Bus
    mail: Mail
    embeddings: Embeddings
    vectors: Vectors
    vision: Vision
    breaches: Breaches
    payments: Payments
    intents: Intents
    openai: OpenAI | None = None
    """Shared by whatever asks it; None without a key."""
    tracing: Tracing | None = None
    """Who is told what is done; None where nobody is."""


def choose_ports(settings: Settings, clock: Clock | None = None) -> Ports:
    """The variant of each port that the settings name, not yet opened. Raises SettingsError.

    `clock` is the simulated provider's time.
    """
    shared = settings.redis_url or "memory://"
    openai = OpenAI(key=settings.openai_api_key, base_url=settings.openai_base_url) if settings.openai_api_key else None
    _refuse_dead("EMBEDDINGS_URL", settings.embeddings_url, clock or SystemClock())
    _refuse_dead("INTENTS_URL", settings.intents_url, clock or SystemClock())
    _refuse_dead("VISION_URL", settings.vision_url, clock or SystemClock())
    tracing = _tracing(settings)
    ports = Ports(
        tracing=tracing,
        database=_chosen("DATABASE_URL", partial(open_database, tracing=tracing), settings.database_url),
        limits=_chosen("REDIS_URL", open_limits, shared),
        bus=_chosen("REDIS_URL", open_bus, shared),
        mail=_chosen("MAIL_URL", open_mail, settings.mail_url),
        embeddings=_chosen("EMBEDDINGS_URL", partial(open_embeddings, openai=openai), settings.embeddings_url),
        vectors=_chosen("VECTORS_URL", partial(open_vectors, key=settings.weaviate_api_key), settings.vectors_url),
        vision=_chosen("VISION_URL", partial(open_vision, openai=openai), settings.vision_url),
        breaches=_chosen("BREACHES_URL", open_breaches, settings.breaches_url),
        payments=_chosen(
            "PAYMENTS_URL",
            partial(
                open_payments,
                api_key=settings.stripe_api_key,
                api_base=settings.stripe_api_base,
                clock=clock,
                public_url=settings.public_url,
            ),
            settings.payments_url,
        ),
        intents=_chosen("INTENTS_URL", partial(open_intents, openai=openai), settings.intents_url),
        openai=openai,
    )
    return _watched(ports)


def _tracing(settings: Settings) -> Tracing | None:
    return open_tracing(
        settings.otlp_endpoint,
        headers=settings.otlp_headers,
        service=settings.service_name,
        sampler=settings.sampler,
        ratio=settings.sampler_ratio,
    )


def _watched(ports: Ports) -> Ports:
    """The same ports. Where anything is traced, their calls are."""
    if ports.tracing is not None:
        for name in WATCHED:
            watch(ports.tracing, name, getattr(ports, name))
    return ports


def _refuse_dead(variable: str, url: str, clock: Clock) -> None:
    """Refuse an `openai://` URL whose model has ended, by name. Raises SettingsError."""
    parts = urlsplit(url)
    if parts.scheme == "openai":
        try:
            refuse_dead(parts.netloc, clock.now().date())
        except DeadModel as error:
            raise SettingsError([f"{variable}: {error}"]) from error


def _chosen(variable: str, choose: Callable[[str], Port], url: str) -> Port:
    try:
        return choose(url)
    except ValueError as error:
        raise SettingsError([f"{variable}: cannot be understood; {FORMS[variable]} would be right"]) from error
