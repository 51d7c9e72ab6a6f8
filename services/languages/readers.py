"""Readers: the language, the formats and the zone in which somebody reads dates, durations and amounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from typing import TYPE_CHECKING

from services.languages.catalogues import LANGUAGES, SOURCE, translations
from services.languages.daytime import zone_of
from services.languages.phrases import Country, Money, Phrase, Told, phrase

if TYPE_CHECKING:
    from babel import Locale

REGION, NUMBERED_REGION = 2, 3
"""Characters of a language tag's part that names a region: `AT`, or `419`."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MOMENT = phrase("%(day)s at %(time)s (%(zone)s)")
"""A moment in a letter: Monday, March 16, 2026 at 9:00 AM (UTC)."""


@dataclass(frozen=True)
class Reader:
    """How somebody reads. `language` is one of `LANGUAGES`; the formats are those of the language in their region."""

    language: str
    locale: Locale
    zone: tzinfo = UTC

    def tell(self, told: Told) -> str:
        """What is told, in the reader's words. Text stands as it is."""
        if isinstance(told, str):
            return told
        if isinstance(told, Phrase):
            return self._translated(told)
        return self._formatted(told)

    def day(self, day: date) -> str:
        """A day with the name that it has in the week; of a moment, the day in the reader's zone."""
        from babel.dates import format_date  # ruff: ignore[import-outside-top-level] -- start time

        day = day.astimezone(self.zone) if isinstance(day, datetime) else day
        return format_date(day, "full", self.locale)

    def time(self, moment: datetime) -> str:
        """Hour and minute in the reader's zone."""
        from babel.dates import format_time  # ruff: ignore[import-outside-top-level] -- start time

        text = format_time(moment.astimezone(self.zone), "short", tzinfo=self.zone, locale=self.locale)
        return text.replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")  # fonts of old mail programs lack it

    def zone_name(self, moment: datetime) -> str:
        """What the reader's zone is called at that time of the year."""
        from babel.dates import get_timezone_name  # ruff: ignore[import-outside-top-level] -- start time

        local = moment.astimezone(self.zone)
        return "UTC" if local.tzname() == "UTC" else get_timezone_name(local, "long", locale=self.locale)

    def _formatted(self, told: int | date | timedelta | Money | Country) -> str:
        match told:
            case Money():
                return self._money(told)
            case Country():
                return str(self.locale.territories.get(told.code, told.code))
            case datetime():
                return self._moment(told)
            case date():
                return self.day(told)
            case timedelta():
                return self._duration(told)
            case _:
                return self._number(told)

    def _moment(self, moment: datetime) -> str:
        parts = {"day": self.day(moment), "time": self.time(moment), "zone": self.zone_name(moment)}
        return self._translated(Phrase(MOMENT.singular, values=parts))

    def _translated(self, said: Phrase) -> str:
        known = translations(self.language)
        text = known.gettext(said.singular)
        if said.plural is not None:
            text = known.ngettext(said.singular, said.plural, said.number)
        return text % {name: self.tell(value) for name, value in said.values.items()}

    def _duration(self, length: timedelta) -> str:
        from babel.units import format_unit  # ruff: ignore[import-outside-top-level] -- start time

        unit, size = next(
            (pair for pair in (("day", DAY), ("hour", HOUR)) if length >= 2 * pair[1]), ("minute", MINUTE)
        )
        return format_unit(length // size, f"duration-{unit}", "long", locale=self.locale)

    def _money(self, money: Money) -> str:
        from services.billing.money import formatted  # ruff: ignore[import-outside-top-level] -- start time

        return formatted(money.amount, money.currency, str(self.locale))

    def _number(self, number: int) -> str:
        from babel.numbers import format_decimal  # ruff: ignore[import-outside-top-level] -- start time

        return format_decimal(number, locale=self.locale)


def reader_of(locale: str | None, timezone: str | None = None) -> Reader:
    """Who reads in a locale, a BCP 47 tag, and a time zone. English and UTC where they are unknown.

    The formats are of the letter's language, so that no French date stands in an English sentence.
    """
    language, region = _parts(locale or "")
    return Reader(language, _formats(language, region), zone_of(timezone))


def _parts(tag: str) -> tuple[str, str | None]:
    """Language and region of a tag; the language is one that letters are written in."""
    first, *others = tag.replace("_", "-").split("-")
    language = first.lower() if first.lower() in LANGUAGES else SOURCE
    for part in others:
        if len(part) == 1:  # what follows is an extension
            break
        if (len(part) == REGION and part.isalpha()) or (len(part) == NUMBERED_REGION and part.isdecimal()):
            return language, part.upper()
    return language, None


@cache
def _formats(language: str, region: str | None) -> Locale:
    from babel import Locale, UnknownLocaleError  # ruff: ignore[import-outside-top-level] -- start time

    try:
        return Locale(language, region)
    except UnknownLocaleError:
        return Locale(language)
