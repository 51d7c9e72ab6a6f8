"""What we need from outside, and which variant of each the settings name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from adapters.breaches import Breaches, open_breaches
from adapters.bus import Bus, open_bus
from adapters.database import Database, open_database
from adapters.embeddings import Embeddings, open_embeddings
from adapters.limits import Limits, open_limits
from adapters.mail import Mail, open_mail
from adapters.payments import Payments, open_payments
from adapters.vectors import Vectors, open_vectors
from core.clock import Clock
from core.settings import Settings, SettingsError

Port = TypeVar("Port")

FORMS = {
    "DATABASE_URL": "sqlite://folder/file?busy_timeout=5000 or postgres://user:password@host:port/name?sslmode=require",
    "REDIS_URL": "redis://user:password@host:port/number or rediss://…",
    "EMBEDDINGS_URL": "local://",
    "VECTORS_URL": "embedded:// or weaviate://host:port?grpc=port&secure=true",
    "BREACHES_URL": "https://host/range",
    "PAYMENTS_URL": "simulated://, simulated://FILE or stripe://",
    "MAIL_URL": "outbox://folder or smtp://user:password@host:port?tls=starttls (implicit, none)",
}
"""What each port's URL may look like. A wrong one is answered with this alone: any part of it may be a password."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """What we need from outside, each behind its Protocol."""

    database: Database
    limits: Limits
    bus: Bus
    mail: Mail
    embeddings: Embeddings
    vectors: Vectors
    breaches: Breaches
    payments: Payments


def choose_ports(settings: Settings, clock: Clock | None = None) -> Ports:
    """The variant of each port that the settings name, not yet opened. Raises SettingsError.

    `clock` is the simulated provider's time.
    """
    shared = settings.redis_url or "memory://"
    return Ports(
        database=_chosen("DATABASE_URL", open_database, settings.database_url),
        limits=_chosen("REDIS_URL", open_limits, shared),
        bus=_chosen("REDIS_URL", open_bus, shared),
        mail=_chosen("MAIL_URL", open_mail, settings.mail_url),
        embeddings=_chosen("EMBEDDINGS_URL", open_embeddings, settings.embeddings_url),
        vectors=_chosen("VECTORS_URL", partial(open_vectors, key=settings.weaviate_api_key), settings.vectors_url),
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
    )


def _chosen(variable: str, choose: Callable[[str], Port], url: str) -> Port:
    try:
        return choose(url)
    except ValueError as error:
        raise SettingsError([f"{variable}: cannot be understood; {FORMS[variable]} would be right"]) from error
