from collections.abc import Mapping
from dataclasses import fields
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from core.setting_values import shown
from core.settings import VARIABLES, Settings, SettingsError, read_settings

KEY = "k" * 32
HIDDEN = "hunter2-hunter2-hunter2-hunter2-hunter2"
PRODUCTION = {
    "PROFILE": "production",
    "SECRET_KEY": KEY,
    "PAYMENTS_URL": "stripe://",
    "STRIPE_API_KEY": "sk_live_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
}
SHARED = {"DATABASE_URL": "postgres://localhost/p", "REDIS_URL": "redis://localhost"}


def problems(environment: Mapping[str, str]) -> list[str]:
    """What is wrong with an environment."""
    with pytest.raises(SettingsError) as caught:
        read_settings(environment)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_empty_environment_gives_the_contracts_defaults() -> None:
    """Everything has a default; nothing is asked for."""
    settings = read_settings({})
    got = {item.metadata["variable"]: getattr(settings, item.name) for item in fields(Settings)}
    assert got.pop("ARGON2_POOL") >= 1
    assert got == {
        "PROFILE": "development",
        "HOST": "127.0.0.1",
        "PORT": 8000,
        "PUBLIC_URL": "http://localhost:8000",
        "FRONTEND_URL": "",
        "WORKERS": 1,
        "DRAIN_NOTICE": 0,
        "JOBS": "embedded",
        "WORKER_PORT": 0,
        "DATABASE_URL": "sqlite://var/porchlight.sqlite3",
        "REDIS_URL": "",
        "MAIL_URL": "outbox://var/outbox",
        "MAIL_WEBHOOK_SECRET": (),
        "PAYMENTS_URL": "simulated://",
        "STRIPE_API_KEY": "",
        "TRIAL_CARD_REUSE": "paid",
        "STRIPE_WEBHOOK_SECRET": (),
        "STRIPE_API_BASE": "",
        "EMBEDDINGS_URL": "local://",
        "VISION_URL": "local://",
        "INTENTS_URL": "local://",
        "OPENAI_API_KEY": "",
        "OPENAI_BASE_URL": "",
        "VECTORS_URL": "embedded://",
        "WEAVIATE_API_KEY": "",
        "SECRET_KEY": (),
        "SESSION_CACHE": 5,
        "RATE_LIMITS": True,
        "GRAPHIQL": "auto",
        "GRAPHQL_EXECUTOR": "compiled",
        "TRUSTED_DOCUMENTS": "",
        "ARGON2_MEMORY_KIB": 47104,
        "ARGON2_TIME": 1,
        "ARGON2_PARALLELISM": 1,
        "BREACHES_URL": "",
        "TEST_DOMAINS": (),
        "FRAUD_SHADOW_RULES": "",
        "LOG_LEVEL": "info",
        "LOG_FORMAT": "console",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "",
        "OTEL_EXPORTER_OTLP_HEADERS": "",
        "OTEL_SERVICE_NAME": "porchlight",
        "OTEL_TRACES_SAMPLER": "parentbased_always_on",
        "OTEL_TRACES_SAMPLER_ARG": 1.0,
        "TRUSTED_PROXIES": (),
        "ALLOWED_ORIGINS": (),
        "CLOCK": "system",
    }


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
def test_empty_value_counts_as_absent(value: str) -> None:
    """A variable that is set to nothing has its default, each of them."""
    assert read_settings(dict.fromkeys(VARIABLES, value)) == read_settings({})


@pytest.mark.parametrize(
    ("variable", "raw", "value"),
    [
        ("PROFILE", " Development ", "development"),
        ("HOST", "0.0.0.0", "0.0.0.0"),  # ruff: ignore[hardcoded-bind-all-interfaces] -- a value that is read, not bound
        ("HOST", "[::1]", "::1"),
        ("HOST", "Localhost", "localhost"),
        ("PORT", "1", 1),
        ("PORT", " 65535\n", 65535),
        ("PUBLIC_URL", "https://App.Example.com/", "https://app.example.com"),
        ("PUBLIC_URL", "https://example.com:8443/porch/", "https://example.com:8443/porch"),
        ("PUBLIC_URL", "http://[::1]:8000", "http://[::1]:8000"),
        ("PUBLIC_URL", "https://bücher.example", "https://xn--bcher-kva.example"),
        ("DATABASE_URL", "sqlite:///data/a@b.sqlite3", "sqlite:///data/a@b.sqlite3"),
        ("DATABASE_URL", "postgres://u:p%40@h:5432/n", "postgres://u:p%40@h:5432/n"),
        ("REDIS_URL", "rediss://:p@h:6380/1", "rediss://:p@h:6380/1"),
        ("MAIL_URL", "smtp://u:p@h:25?tls=none", "smtp://u:p@h:25?tls=none"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_new, whsec_old,", ("whsec_new", "whsec_old")),
        ("STRIPE_API_BASE", "http://127.0.0.1:12111", "http://127.0.0.1:12111"),
        ("SECRET_KEY", f"{KEY}, {KEY[::-1]}x", (KEY, f"{KEY[::-1]}x")),
        ("RATE_LIMITS", "OFF", False),
        ("RATE_LIMITS", "on", True),
        ("GRAPHIQL", "on", "on"),
        ("GRAPHQL_EXECUTOR", "interpreted", "interpreted"),
        ("ARGON2_MEMORY_KIB", "19456", 19456),
        ("ARGON2_TIME", "2", 2),
        ("OTEL_TRACES_SAMPLER_ARG", "0.05", 0.05),
        ("OTEL_TRACES_SAMPLER_ARG", "1", 1.0),
        ("ARGON2_PARALLELISM", "4", 4),
        ("ARGON2_POOL", "3", 3),
        ("LOG_LEVEL", "DEBUG", "debug"),
        ("LOG_FORMAT", "json", "json"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1"))),
        ("ALLOWED_ORIGINS", "https://A.example/, http://b.example:80", ("https://a.example", "http://b.example")),
        ("TEST_DOMAINS", "Lamp.example, staff.lamp.example", ("lamp.example", "staff.lamp.example")),
        ("CLOCK", "system", "system"),
    ],
)
def test_good_value_is_read(variable: str, raw: str, value: Any) -> None:
    """Trimmed, in any case where words are few, and in the one form that the program compares with."""
    [name] = [item.name for item in fields(Settings) if item.metadata["variable"] == variable]
    assert getattr(read_settings({variable: raw}), name) == value


@pytest.mark.parametrize(
    ("variable", "raw", "right"),
    [
        ("PROFILE", "staging", "one of development, production would be right"),
        ("HOST", "not a host", "a name or an IP address such as 127.0.0.1 would be right"),
        ("HOST", "ä" * 70, "a name or an IP address such as 127.0.0.1 would be right"),
        ("PORT", "0", "a whole number from 1 to 65535 would be right"),
        ("PORT", "65536", "a whole number from 1 to 65535 would be right"),
        ("PORT", "-1", "a whole number from 1 to 65535 would be right"),
        ("PORT", "8000.0", "a whole number from 1 to 65535 would be right"),
        ("PORT", "٨٠", "a whole number from 1 to 65535 would be right"),
        ("PORT", "000000000000000655359", "a whole number from 1 to 65535 would be right"),
        ("PORT", "9" * 5000, "a whole number from 1 to 65535 would be right"),
        ("PUBLIC_URL", "localhost:8000", "an address such as https://app.example.com would be right"),
        ("PUBLIC_URL", "ftp://example.com", "an address such as https://app.example.com would be right"),
        ("PUBLIC_URL", "https://", "an address such as https://app.example.com would be right"),
        ("PUBLIC_URL", "https://a b", "an address such as https://app.example.com would be right"),
        ("PUBLIC_URL", "https://a.example?next=1", "an address such as https://app.example.com would be right"),
        ("PUBLIC_URL", "https://a:99999", "an address such as https://app.example.com would be right"),
        ("PUBLIC_URL", "https://[::1", "an address such as https://app.example.com would be right"),
        ("WORKERS", "none", "a whole number from 1 to 64 would be right"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5", "a number from 0 to 1 such as 0.05 would be right"),
        ("OTEL_TRACES_SAMPLER_ARG", "half", "a number from 0 to 1 such as 0.05 would be right"),
        ("JOBS", "later", "one of embedded, external would be right"),
        ("DATABASE_URL", "mysql://h/n", "sqlite://… or postgres://… would be right"),
        ("DATABASE_URL", "porchlight.sqlite3", "sqlite://… or postgres://… would be right"),
        ("DATABASE_URL", "postgres://h:port/n", "sqlite://… or postgres://… would be right"),
        ("DATABASE_URL", "postgres://[::1/n", "sqlite://… or postgres://… would be right"),
        ("REDIS_URL", "unix:///run/redis.sock", "redis://… or rediss://… would be right"),
        ("MAIL_URL", "sendmail://", "outbox://… or smtp://… would be right"),
        ("PAYMENTS_URL", "paypal://", "simulated://… or stripe://… would be right"),
        ("STRIPE_API_BASE", "api.stripe.com", "an address such as https://app.example.com would be right"),
        ("SECRET_KEY", "short", "random ones of 48 would be right"),
        ("SECRET_KEY", f"{KEY},short", "random ones of 48 would be right"),
        ("SECRET_KEY", f"{KEY}\x7f", "holds a character that is not printable"),
        ("SECRET_KEY", f"{KEY}\udcff", "holds a character that is not printable"),
        ("STRIPE_API_KEY", "sk_\0", "holds a character that is not printable"),
        ("RATE_LIMITS", "maybe", "one of on, off would be right"),
        ("ARGON2_MEMORY_KIB", "7", "a whole number from 8 to 4194304 would be right"),
        ("LOG_LEVEL", "trace", "one of debug, info, warning, error would be right"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "networks such as 10.0.0.0/8, separated by commas, would be right"),
        ("TRUSTED_PROXIES", "nginx", "networks such as 10.0.0.0/8, separated by commas, would be right"),
        ("ALLOWED_ORIGINS", "https://a.example/path", "origins such as https://app.example.com would be right"),
        ("TEST_DOMAINS", "a.example, %' OR TRUE", "a domain such as staff.example.com would be right"),
        ("ALLOWED_ORIGINS", "*", "an address such as https://app.example.com would be right"),
    ],
)
def test_bad_value_is_named_with_what_would_be_right(variable: str, raw: str, right: str) -> None:
    """One sentence, beginning with the variable's name."""
    [problem] = problems({variable: raw})
    assert problem.startswith(f"{variable}: ")
    assert problem.endswith(right)
    assert problem.isprintable()
    assert len(problem) < 300


def test_all_problems_are_told_at_once() -> None:
    """Values that cannot be read and values that do not fit together, each variable once."""
    found = problems(
        {"PORT": "x", "LOG_LEVEL": "loud", "WORKERS": "2", "DATABASE_URL": "nowhere", "PROFILE": "production"}
    )
    assert [problem.partition(":")[0] for problem in found] == [
        "PORT",
        "DATABASE_URL",
        "LOG_LEVEL",
        "REDIS_URL",
        "SECRET_KEY",
        "PAYMENTS_URL",
    ]


@pytest.mark.parametrize(
    ("variable", "raw"),
    [
        ("DATABASE_URL", f"mysql://u:{HIDDEN}@h/n"),
        ("DATABASE_URL", f"postgres://u:{HIDDEN}/{HIDDEN}@h/n"),
        ("DATABASE_URL", f"postgres://u:1/{HIDDEN}@h/n"),
        ("REDIS_URL", f"redis://:1?{HIDDEN}@h"),
        ("REDIS_URL", f"redis://:1#{HIDDEN}@h"),
        ("MAIL_URL", f"smtp:{HIDDEN}@h"),
        ("SECRET_KEY", HIDDEN[:31]),
        ("STRIPE_API_KEY", f"{HIDDEN}\0"),
        ("STRIPE_WEBHOOK_SECRET", f"{HIDDEN}\0"),
        ("OPENAI_API_KEY", f"{HIDDEN}\0"),
        ("WEAVIATE_API_KEY", f"{HIDDEN}\0"),
        ("OPENAI_BASE_URL", f"https://u:{HIDDEN}@h"),
        ("ALLOWED_ORIGINS", f"https://u:{HIDDEN}@h"),
        ("VECTORS_URL", f"qdrant://u:{HIDDEN}@h"),
    ],
)
def test_no_message_repeats_a_secret(variable: str, raw: str) -> None:
    """A password in a URL that cannot be read is not shown to whoever reads the terminal."""
    [problem] = problems({variable: raw})
    assert problem.startswith(f"{variable}: ")
    assert "hunter2" not in problem


def test_settings_show_no_secret() -> None:
    """Neither in their representation nor in their text."""
    settings = read_settings(
        {
            "DATABASE_URL": f"postgres://u:{HIDDEN}@h/n",
            "REDIS_URL": f"redis://:{HIDDEN}@h",
            "MAIL_URL": f"smtp://u:{HIDDEN}@h",
            "SECRET_KEY": HIDDEN,
            "STRIPE_API_KEY": HIDDEN,
            "STRIPE_WEBHOOK_SECRET": HIDDEN,
            "OPENAI_API_KEY": HIDDEN,
            "WEAVIATE_API_KEY": HIDDEN,
        }
    )
    assert "hunter2" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("postgres://u:p@h:5432/n?password=p&sslmode=require", "postgres://h:5432/n"),
        ("redis://:p@p@h/1", "redis://h/1"),
        ("smtp://h:25?tls=none", "smtp://h:25"),
        ("sqlite://var/porchlight.sqlite3", "sqlite://var/porchlight.sqlite3"),
        ("outbox:///tmp/mail", "outbox:///tmp/mail"),
    ],
)
def test_url_is_shown_without_its_secrets(url: str, safe: str) -> None:
    """User, password and options are left out."""
    assert shown(url) == safe


@pytest.mark.parametrize(
    ("change", "cause"), [({"WORKERS": "2"}, "WORKERS above 1"), ({"JOBS": "external"}, "JOBS=external")]
)
def test_several_processes_need_what_several_can_share(change: dict[str, str], cause: str) -> None:
    """PostgreSQL and Redis, each asked for by name; with both of them the settings stand."""
    assert problems(change) == [
        f"DATABASE_URL: {cause} means several processes, which need postgres://…",
        f"REDIS_URL: {cause} means several processes, which need redis://… to share limits and events",
    ]
    assert [text.partition(":")[0] for text in problems({**change, "REDIS_URL": "redis://h"})] == ["DATABASE_URL"]
    assert read_settings({**change, **SHARED}).redis_url == "redis://localhost"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": " , "}, "SECRET_KEY"),
        ({"PAYMENTS_URL": "simulated://"}, "PAYMENTS_URL"),
        ({"STRIPE_API_BASE": "http://stripe.example"}, "STRIPE_API_BASE"),
        ({"STRIPE_API_KEY": "sk_test_1"}, "STRIPE_API_KEY"),
        ({"STRIPE_API_KEY": " rk_test_1"}, "STRIPE_API_KEY"),
        ({"RATE_LIMITS": "off"}, "RATE_LIMITS"),
        ({"GRAPHIQL": "on"}, "GRAPHIQL"),
        ({"CLOCK": "adjustable"}, "CLOCK"),
    ],
)
def test_production_refuses_by_name(change: dict[str, str], name: str) -> None:
    """What development may use: embedded payments, test cards, no key, no limits, open introspection, any clock."""
    assert {problem.partition(":")[0] for problem in problems({**PRODUCTION, **change})} == {name}


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
def test_production_takes_live_keys(key: str) -> None:
    """Restricted ones, too; and development takes those of test mode."""
    assert read_settings({**PRODUCTION, "STRIPE_API_KEY": key}).stripe_api_key == key
    test_mode = {**PRODUCTION, "PROFILE": "development", "STRIPE_API_KEY": "sk_test_1"}
    assert read_settings(test_mode).stripe_api_key == "sk_test_1"


def test_production_stands_with_what_it_asks_for() -> None:
    """Its log is JSON, its schema is closed, its origin is that of PUBLIC_URL alone."""
    settings = read_settings(
        {**PRODUCTION, "PUBLIC_URL": "https://porch.example", "ALLOWED_ORIGINS": "https://a.example"}
    )
    assert settings.production
    assert not settings.introspection
    assert settings.log_format == "json"
    assert settings.origins == {"https://porch.example", "https://a.example"}


def test_development_takes_its_own_loopback_spellings_as_origins() -> None:
    """A page on localhost may call 127.0.0.1."""
    settings = read_settings({"PORT": "8123"})
    assert settings.introspection
    assert settings.origins == {"http://localhost:8123", "http://127.0.0.1:8123", "http://[::1]:8123"}


@pytest.mark.parametrize(
    ("graphiql", "profile", "open_"),
    [
        ("on", "development", True),
        ("off", "development", False),
        ("auto", "production", False),
        ("off", "production", False),
    ],
)
def test_introspection_follows_graphiql(graphiql: str, profile: str, open_: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] -- a parameter of the test
    """`auto` is open in development alone."""
    assert read_settings({**PRODUCTION, "PROFILE": profile, "GRAPHIQL": graphiql}).introspection is open_


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"PAYMENTS_URL": "stripe://"}, ["STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET"]),
        ({"PAYMENTS_URL": "stripe://", "STRIPE_API_KEY": "k"}, ["STRIPE_WEBHOOK_SECRET"]),
        ({"PAYMENTS_URL": "stripe://", "STRIPE_WEBHOOK_SECRET": ",", "STRIPE_API_KEY": "k"}, ["STRIPE_WEBHOOK_SECRET"]),
        ({"VISION_URL": "openai://m"}, ["OPENAI_API_KEY"]),
        ({"INTENTS_URL": "openai://m"}, ["OPENAI_API_KEY"]),
    ],
)
def test_chosen_vendor_needs_its_key(environment: dict[str, str], names: list[str]) -> None:
    """The key is asked for by name, and only by who chose the vendor."""
    assert [problem.partition(":")[0] for problem in problems(environment)] == names


@pytest.mark.parametrize("variable", ["VISION_URL", "INTENTS_URL", "EMBEDDINGS_URL"])
def test_names_of_models_may_hold_colons(variable: str) -> None:
    """As those of models that were tuned do; a host's port is still a number, and nothing stands behind an @."""
    url = "openai://ft:gpt-4.1-mini-2025-04-14:porchlight::9aBcD"
    settings = read_settings({variable: url, "OPENAI_API_KEY": "k"})
    assert getattr(settings, variable.lower()) == url
    assert shown(url) == url
    [problem] = problems({variable: f"{url}/@h", "OPENAI_API_KEY": "k"})
    assert "@" in problem
    [problem] = problems({"MAIL_URL": "smtp://host:x"})
    assert "port" in problem


def test_hashing_needs_memory_for_each_lane() -> None:
    """Argon2 itself would refuse at the first sign-up: RFC 9106, section 3.1."""
    [problem] = problems({"ARGON2_MEMORY_KIB": "31", "ARGON2_PARALLELISM": "4"})
    assert problem == "ARGON2_MEMORY_KIB: 32 or more would be right for ARGON2_PARALLELISM=4"
    assert read_settings({"ARGON2_MEMORY_KIB": "32", "ARGON2_PARALLELISM": "4"}).argon2_parallelism == 4


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("::", False),
        ("192.0.2.1", False),
        ("porch.example", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, alone: bool) -> None:  # ruff: ignore[boolean-type-hint-positional-argument] -- a parameter of the test
    """By address or as localhost."""
    assert read_settings({"HOST": host}).loopback is alone


PIECES = st.sampled_from([
    "sqlite://", "postgres://", "redis://", "smtp://", "outbox://", "http://", "https://", "openai://", "weaviate://",
    "[", "]", "::1", "@", ":", "/", "?", "#", "%", ",", "1", "fe80::%1", "\ud800", "\0", "\n", "ß", "٣", "²", "xn--",
])  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=8).map("".join))


@effort(deadline=None)
@given(variable=st.sampled_from(VARIABLES), raw=TEXTS)
def test_no_text_is_a_surprise(variable: str, raw: str) -> None:
    """Whatever a variable holds gives settings or a SettingsError that names it."""
    problems = []
    try:
        assert repr(read_settings({variable: raw}))
    except SettingsError as error:
        problems = error.problems
    assert all(problem.partition(":")[0] in VARIABLES for problem in problems)


@effort(deadline=None)
@given(raw=TEXTS, host=st.sampled_from(["", "https://", "http://h", "https://[::1]"]))
def test_public_url_can_be_read_again(raw: str, host: str) -> None:
    """What was accepted once is its own normal form."""
    try:
        settings = read_settings({"PUBLIC_URL": host + raw})
    except SettingsError:
        return
    assert read_settings({"PUBLIC_URL": settings.public_url}).public_url == settings.public_url
    assert settings.public_url.isascii() or "/" in settings.public_url.split("://", 1)[1]
