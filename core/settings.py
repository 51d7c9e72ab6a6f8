"""Settings, read from the environment once and checked as a whole before anything opens.

The parser is our own: ADR 0011 has the figures. Each field names its variable and the function that reads it;
a wrong value stops the start with the variable's name and what would be right.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from core import setting_values as read

Reader = Callable[[str], Any]


class SettingsError(Exception):
    """One or more settings are wrong. `problems` holds a sentence for each, starting with the variable's name."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def _variable(name: str, default: Any, reader: Reader, *, secret: bool = False) -> Any:
    """One setting. A secret one, or a URL that may hold a password, stays out of the settings' own text."""
    return field(default=default, repr=not secret, metadata={"variable": name, "reader": reader})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The contract's environment. An empty environment is a valid one."""

    profile: str = _variable("PROFILE", "development", read.one_of("development", "production"))
    host: str = _variable("HOST", "127.0.0.1", read.host)
    port: int = _variable("PORT", 8000, read.whole_number(1, 65535))
    public_url: str = _variable("PUBLIC_URL", "", read.web_address)
    frontend_url: str = _variable("FRONTEND_URL", "", read.web_address)
    workers: int = _variable("WORKERS", 1, read.whole_number(1, 64))
    drain_notice: int = _variable("DRAIN_NOTICE", 0, read.whole_number(0, 60))
    jobs: str = _variable("JOBS", "embedded", read.one_of("embedded", "external"))
    worker_port: int = _variable("WORKER_PORT", 0, read.whole_number(0, 65535))
    database_url: str = _variable(
        "DATABASE_URL", "sqlite://var/porchlight.sqlite3", read.url("sqlite", "postgres"), secret=True
    )
    redis_url: str = _variable("REDIS_URL", "", read.url("redis", "rediss"), secret=True)
    mail_url: str = _variable("MAIL_URL", "outbox://var/outbox", read.url("outbox", "smtp"), secret=True)
    mail_webhook_secret: tuple[str, ...] = _variable("MAIL_WEBHOOK_SECRET", (), read.secrets, secret=True)
    payments_url: str = _variable("PAYMENTS_URL", "simulated://", read.url("simulated", "stripe"))
    stripe_api_key: str = _variable("STRIPE_API_KEY", "", read.text, secret=True)
    stripe_webhook_secret: tuple[str, ...] = _variable("STRIPE_WEBHOOK_SECRET", (), read.words, secret=True)
    trial_card_reuse: str = _variable("TRIAL_CARD_REUSE", "paid", read.one_of("paid", "refuse"))
    stripe_api_base: str = _variable("STRIPE_API_BASE", "", read.web_address)
    embeddings_url: str = _variable("EMBEDDINGS_URL", "local://", read.url("local", "openai"))
    vision_url: str = _variable("VISION_URL", "local://", read.url("local", "openai"))
    intents_url: str = _variable("INTENTS_URL", "local://", read.url("local", "openai"))
    openai_api_key: str = _variable("OPENAI_API_KEY", "", read.text, secret=True)
    openai_base_url: str = _variable("OPENAI_BASE_URL", "", read.web_address)
    vectors_url: str = _variable("VECTORS_URL", "embedded://", read.url("embedded", "weaviate"), secret=True)
    weaviate_api_key: str = _variable("WEAVIATE_API_KEY", "", read.text, secret=True)
    secret_key: tuple[str, ...] = _variable("SECRET_KEY", (), read.secrets, secret=True)
    session_cache: int = _variable("SESSION_CACHE", 5, read.whole_number(0, 5))
    rate_limits: bool = _variable("RATE_LIMITS", default=True, reader=read.on_or_off)
    graphiql: str = _variable("GRAPHIQL", "auto", read.one_of("auto", "on", "off"))
    graphql_executor: str = _variable("GRAPHQL_EXECUTOR", "compiled", read.one_of("compiled", "interpreted"))
    trusted_documents: str = _variable("TRUSTED_DOCUMENTS", "", read.text)
    argon2_memory_kib: int = _variable("ARGON2_MEMORY_KIB", 47104, read.whole_number(8, 4_194_304))
    argon2_time: int = _variable("ARGON2_TIME", 1, read.whole_number(1, 100))
    argon2_parallelism: int = _variable("ARGON2_PARALLELISM", 1, read.whole_number(1, 64))
    argon2_pool: int = _variable("ARGON2_POOL", max(1, (os.cpu_count() or 1) - 1), read.whole_number(1, 256))
    breaches_url: str = _variable("BREACHES_URL", "", read.web_address)
    test_domains: tuple[str, ...] = _variable("TEST_DOMAINS", (), read.domains)
    fraud_shadow_rules: str = _variable("FRAUD_SHADOW_RULES", "", read.text)
    log_level: str = _variable("LOG_LEVEL", "info", read.one_of("debug", "info", "warning", "error"))
    log_format: str = _variable("LOG_FORMAT", "", read.one_of("console", "json"))
    otlp_endpoint: str = _variable("OTEL_EXPORTER_OTLP_ENDPOINT", "", read.web_address)
    otlp_headers: str = _variable("OTEL_EXPORTER_OTLP_HEADERS", "", read.text, secret=True)
    service_name: str = _variable("OTEL_SERVICE_NAME", "porchlight", read.text)
    sampler: str = _variable("OTEL_TRACES_SAMPLER", "parentbased_always_on", read.one_of(*read.SAMPLERS))
    sampler_ratio: float = _variable("OTEL_TRACES_SAMPLER_ARG", 1.0, read.ratio)
    trusted_proxies: tuple[read.Network, ...] = _variable("TRUSTED_PROXIES", (), read.networks)
    allowed_origins: tuple[str, ...] = _variable("ALLOWED_ORIGINS", (), read.origins)
    clock: str = _variable("CLOCK", "system", read.one_of("system", "adjustable"))

    def __post_init__(self) -> None:
        if not self.public_url:
            object.__setattr__(self, "public_url", f"http://localhost:{self.port}")
        if not self.log_format:
            object.__setattr__(self, "log_format", "json" if self.production else "console")
        checks = (_processes, _production, _keys_of_vendors, _hashing)
        if problems := [problem for check in checks for problem in check(self)]:
            raise SettingsError(problems)

    @property
    def production(self) -> bool:
        """Whether the production profile's refusals hold."""
        return self.profile == "production"

    @property
    def introspection(self) -> bool:
        """Whether introspection and suggestions answer: as GraphiQL does, never by default in production."""
        return self.graphiql == "on" or (self.graphiql == "auto" and not self.production)

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches the server."""
        return read.is_loopback(self.host)

    @property
    def origins(self) -> frozenset[str]:
        """Origins that browsers may call from: the listed ones and our own, with its loopback spellings."""
        own = {read.origin(self.public_url)}
        if not self.production:
            own |= {f"http://{name}:{self.port}" for name in ("localhost", "127.0.0.1", "[::1]")}
        return frozenset(own | set(self.allowed_origins))


VARIABLES: tuple[str, ...] = (
    *(item.metadata["variable"] for item in fields(Settings)),
    # Read by the tests alone.
    "TEST_DATABASE_URL",
    "TEST_REDIS_URL",
    "TEST_STRIPE_API_KEY",
    "TEST_WEAVIATE_URL",
)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from `environment`, in which an empty value counts as absent.

    Raises SettingsError that names every wrong variable at once.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for item in fields(Settings):
        raw = environment.get(item.metadata["variable"], "").strip()
        if not raw:
            continue
        try:
            values[item.name] = item.metadata["reader"](raw)
        except ValueError as error:
            problems.append(f"{item.metadata['variable']}: {error}")
    try:
        settings = Settings(**values)
    except SettingsError as error:
        unreadable = {problem.partition(":")[0] for problem in problems}
        problems += [problem for problem in error.problems if problem.partition(":")[0] not in unreadable]
        raise SettingsError(problems) from error
    if problems:
        raise SettingsError(problems)
    return settings


def _processes(settings: Settings) -> list[str]:
    """Refuse several long-running processes on what only one process can share."""
    if settings.workers == 1 and settings.jobs == "embedded":
        return []
    cause = "WORKERS above 1" if settings.workers > 1 else "JOBS=external"
    problems = []
    if settings.workers > 1 and settings.drain_notice:
        problems.append("DRAIN_NOTICE: is given by a server of one process; start several of those behind a proxy")
    if settings.database_url.startswith("sqlite"):
        problems.append(f"DATABASE_URL: {cause} means several processes, which need postgres://…")
    if not settings.redis_url:
        problems.append(f"REDIS_URL: {cause} means several processes, which need redis://… to share limits and events")
    return problems


def _production(settings: Settings) -> list[str]:
    """Refuse, by name, what the production profile does not accept."""
    if not settings.production:
        return []
    refused = {
        "SECRET_KEY: is required in production; make one with `python -c 'import secrets; "
        "print(secrets.token_urlsafe(48))'`": not settings.secret_key,
        "PAYMENTS_URL: simulated payments are refused in production; use stripe://": (
            settings.payments_url.startswith("simulated")
        ),
        "STRIPE_API_KEY: a key of test mode is refused in production, where its cards would buy every plan; use a "
        "live one": settings.stripe_api_key.startswith(("sk_test_", "rk_test_")),
        "STRIPE_API_BASE: may not be http://… in production, where the key would travel in the clear": (
            settings.stripe_api_base.startswith("http:")
        ),
        "RATE_LIMITS: may not be off in production": not settings.rate_limits,
        "GRAPHIQL: open introspection is refused in production; leave it out, or set off": settings.graphiql == "on",
        "CLOCK: only system is accepted in production": settings.clock != "system",
    }
    return [problem for problem, wrong in refused.items() if wrong]


def _keys_of_vendors(settings: Settings) -> list[str]:
    """Ask for the key of each vendor that is chosen."""
    missing = []
    if settings.payments_url.startswith("stripe"):
        if not settings.stripe_api_key:
            missing.append("STRIPE_API_KEY: is required by PAYMENTS_URL=stripe://")
        if not settings.stripe_webhook_secret:
            missing.append("STRIPE_WEBHOOK_SECRET: is required by PAYMENTS_URL=stripe://")
    asked = {
        "EMBEDDINGS_URL": settings.embeddings_url,
        "VISION_URL": settings.vision_url,
        "INTENTS_URL": settings.intents_url,
    }
    for name, value in asked.items():
        if value.startswith("openai") and not settings.openai_api_key:
            missing.append(f"OPENAI_API_KEY: is required by {name}=openai://…")
    return missing


def _hashing(settings: Settings) -> list[str]:
    """Refuse parameters that Argon2 itself would: RFC 9106, section 3.1."""
    least = 8 * settings.argon2_parallelism
    if settings.argon2_memory_kib < least:
        return [
            f"ARGON2_MEMORY_KIB: {least} or more would be right for ARGON2_PARALLELISM={settings.argon2_parallelism}"
        ]
    return []
