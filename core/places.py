"""Where an address is, roughly: its country, from tables that come with libraries. Nobody is asked."""

from functools import cache
from importlib.resources import files


def country_of(ip: str | None) -> str | None:
    """The English name of the country that an address was given out to; None for private and unknown ones.

    The five registries say so; where the address is used is another matter, and about one in twenty differs.
    """
    code = country_code_of(ip)
    return _names().get(code, code) if code else None


def country_code_of(ip: str | None) -> str | None:
    """The ISO 3166 code of that country."""
    if ip is None:
        return None
    from iptocc import country_code  # ruff: ignore[import-outside-top-level] -- start time

    return country_code(ip) or None


@cache
def _names() -> dict[str, str]:
    """Names by ISO 3166 code, as the time zone database has them."""
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    return dict(line.split("\t", 1) for line in table.splitlines() if line and not line.startswith("#"))
