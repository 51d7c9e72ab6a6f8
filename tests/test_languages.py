"""Sentences, formats and the time of day of whoever reads."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.languages import (
    LANGUAGES,
    Country,
    Money,
    Told,
    by_day,
    catalogues,
    days_until,
    is_day,
    next_morning,
    packed,
    phrase,
    phrases,
    reader_of,
    unpacked,
    zone_of,
)
from services.languages.catalogues import LOCALES, SOURCE, read_catalogue
from worker import translations
from worker.translations import sentences, updated

PLACE = re.compile(r"%(?:\((\w+)\)s)?")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SUMMER, WINTER = datetime(2026, 7, 16, 9, 5, tzinfo=UTC), datetime(2026, 1, 16, 9, 5, tzinfo=UTC)

# The whole turn of Samoa across the date line, when 30 December 2011 was left out, and years of summer times.
MOMENTS = st.datetimes(datetime(2009, 1, 1), datetime(2032, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # ruff: ignore[call-datetime-without-tzinfo] -- hypothesis wants them so
ZONES = st.sampled_from(
    ["America/New_York", "Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Vienna", "UTC"]
)


# Translations.


def forms_of(text: object) -> list[str]:
    """The singular, and where there is one the plural."""
    return [str(form or "") for form in text] if isinstance(text, list | tuple) else [str(text or "")]


def places(text: str) -> frozenset[str]:
    """What is filled in."""
    return frozenset(PLACE.findall(text))


@pytest.mark.parametrize("language", sorted(LANGUAGES - {SOURCE}))
def test_every_sentence_is_translated(language: str) -> None:
    """Of code and templates, with the same places, and nothing else is; `make translations` finds what is missing."""
    found, catalogue = sentences(), read_catalogue(language)
    wrong = []
    for message in (each for each in found if each.id):
        known = catalogue.get(message.id)
        strings = forms_of(known.string) if known else []
        forms = catalogue.num_plurals if message.pluralizable else 1
        if known is None or known.fuzzy or len(strings) != forms or not all(strings):
            wrong.append((message.id, "is missing"))
        elif {places(each) for each in strings} != {places(forms_of(message.id)[-1])}:
            wrong.append((message.id, "has other places"))
    assert wrong == []
    assert {message.id for message in catalogue} == {message.id for message in found}
    assert len(found) > 60


@pytest.mark.parametrize("language", sorted(LANGUAGES - {SOURCE}))
def test_catalogue_is_as_the_command_writes_it(language: str) -> None:
    """So that the next change to it shows what it changes alone."""
    assert updated(language, sentences()) == (LOCALES / f"{language}.po").read_bytes()


def test_the_command_empties_what_is_new_and_drops_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And tells how much is to be done; what is translated stays."""
    whole = (LOCALES / "de.po").read_text(encoding="utf-8")
    stale = whole.replace('msgid "Your code"', 'msgid "Your former code"')
    assert stale != whole
    (tmp_path / "de.po").write_text(stale, encoding="utf-8")
    for module in (catalogues, translations):
        monkeypatch.setattr(module, "LOCALES", tmp_path)
    translations.main()
    assert capsys.readouterr().out == f"de: {len(sentences())} sentences, 1 of them not translated\n"
    assert (tmp_path / "de.po").read_text(encoding="utf-8") == whole.replace('msgstr "Ihr Code"', 'msgstr ""')


# Formats.


@pytest.mark.parametrize(
    ("locale", "timezone", "language", "tells"),
    [
        ("de-AT", "Europe/Vienna", "de", "Donnerstag, 16. Juli 2026 um 11:05 Uhr (Mitteleuropäische Sommerzeit)"),
        ("de", None, "de", "Donnerstag, 16. Juli 2026 um 09:05 Uhr (UTC)"),
        ("DE-ch-1996-u-co-eor", "Asia/Kathmandu", "de", "Donnerstag, 16. Juli 2026 um 14:50 Uhr (Nepalesische Zeit)"),
        ("de-XX", "Pacific/Apia", "de", "Donnerstag, 16. Juli 2026 um 22:05 Uhr (Apia-Normalzeit)"),
        ("en-GB", "America/New_York", "en", "Thursday, 16 July 2026 at 05:05 (Eastern Daylight Time)"),
        ("en-Latn-001", "Asia/Tokyo", "en", "Thursday, 16 July 2026 at 6:05\N{NO-BREAK SPACE}pm (Japan Standard Time)"),
        ("fr-FR", "Nowhere/At_All", "en", "Thursday, 16 July 2026 at 09:05 (UTC)"),
        ("fr", "Etc/UTC", "en", "Thursday, July 16, 2026 at 9:05\N{NO-BREAK SPACE}AM (UTC)"),
        ("zh-Hant-TW", None, "en", "Thursday, July 16, 2026 at 9:05\N{NO-BREAK SPACE}AM (UTC)"),
        ("en-u-ca-de", None, "en", "Thursday, July 16, 2026 at 9:05\N{NO-BREAK SPACE}AM (UTC)"),
        (None, None, "en", "Thursday, July 16, 2026 at 9:05\N{NO-BREAK SPACE}AM (UTC)"),
    ],
)  # fmt: skip
def test_moments_are_told_where_the_reader_is(
    locale: str | None, timezone: str | None, language: str, tells: str
) -> None:
    """In their language, their region's format and their zone, which is named; English and UTC for unknown ones."""
    reader = reader_of(locale, timezone)
    assert (reader.language, reader.tell(SUMMER)) == (language, tells)


def test_summer_time_is_told_by_name() -> None:
    """An hour that comes twice is told apart."""
    reader = reader_of("en", "America/New_York")
    twice = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    day = "Sunday, November 1, 2026 at 1:30\N{NO-BREAK SPACE}AM"
    assert reader.tell(twice) == f"{day} (Eastern Daylight Time)"
    assert reader.tell(twice + HOUR) == f"{day} (Eastern Standard Time)"


def test_every_zone_and_region_has_formats() -> None:
    """Nothing that a profile may hold keeps a letter from being written."""
    for name in sorted(available_timezones()):
        assert reader_of("de-AT", name).zone_name(WINTER)
    for region in ("DE", "419", "ZZ", "QM"):
        assert reader_of(f"de-{region}").tell(date(2026, 1, 16)) == "Freitag, 16. Januar 2026"
    assert reader_of("de-AT").tell(date(2026, 1, 16)) == "Freitag, 16. Jänner 2026"


@pytest.mark.parametrize(
    ("told", "english", "german"),
    [
        ("Pro", "Pro", "Pro"),
        (1234, "1,234", "1.234"),
        (Money(123450, "EUR"), "€1,234.50", "1.234,50\N{NO-BREAK SPACE}€"),
        (Money(500, "JPY"), "¥500", "500\N{NO-BREAK SPACE}¥"),
        (Country("AT"), "Austria", "Österreich"),
        (Country("QQ"), "QQ", "QQ"),
        (date(2026, 3, 1), "Sunday, March 1, 2026", "Sonntag, 1. März 2026"),
        (timedelta(minutes=10), "10 minutes", "10 Minuten"),
        (timedelta(hours=1), "60 minutes", "60 Minuten"),
        (timedelta(hours=24), "24 hours", "24 Stunden"),
        (timedelta(days=7), "7 days", "7 Tage"),
        (phrase("%(day)s at %(time)s (%(zone)s)", day=date(2026, 3, 1), time="1", zone=phrase("%%")),
         "Sunday, March 1, 2026 at 1 (%)", "Sonntag, 1. März 2026 um 1 Uhr (%)"),
        (phrases("%(number)s %(what)s", "%(number)s of %(what)s", 2, what="x"), "2 of x", "2 of x"),
    ],
)  # fmt: skip
def test_what_is_told_survives_a_payload(told: Told, english: str, german: str) -> None:
    """Packed for a job and unpacked it is the same, in either language."""
    assert unpacked(packed(told)) == told
    assert (reader_of("en").tell(told), reader_of("de").tell(told)) == (english, german)


def test_moments_survive_a_payload() -> None:
    """With their zone."""
    assert unpacked(packed(SUMMER)) == SUMMER


# The time of day.


@given(MOMENTS, ZONES)
@example(datetime(2011, 12, 30, 18, tzinfo=UTC), "Pacific/Apia")
@example(datetime(2026, 3, 8, 7, tzinfo=UTC), "America/New_York")
def test_letters_come_by_day(wanted: datetime, name: str) -> None:
    """From 9 to 20 h where the reader is, never later than wanted and never more than 15 hours of a clock earlier."""
    zone = ZoneInfo(name)
    due = by_day(wanted, zone)
    assert is_day(due, zone)
    assert due == wanted if is_day(wanted, zone) else due.astimezone(zone).strftime("%H:%M") == "19:00"
    assert wanted - 15 * HOUR <= due <= wanted


@given(MOMENTS, ZONES)
@example(datetime(2011, 12, 30, 8, tzinfo=UTC), "Pacific/Apia")
def test_what_is_put_off_comes_in_the_morning(now: datetime, name: str) -> None:
    """At 9 h of the next morning, an hour more or less where the clocks are changed."""
    zone = ZoneInfo(name)
    morning = next_morning(now, zone)
    assert morning.astimezone(zone).strftime("%H:%M") == "09:00"
    assert now < morning <= now + 25 * HOUR


@given(MOMENTS, ZONES, st.timedeltas(timedelta(0), 20 * DAY))
def test_days_are_those_of_the_readers_calendar(now: datetime, name: str, ahead: timedelta) -> None:
    """Today is the same date there, tomorrow the next one, whatever the clocks do between."""
    zone, end = ZoneInfo(name), now + ahead
    days = days_until(end, now, zone)
    assert now.astimezone(zone).date() + days * DAY == end.astimezone(zone).date()


@pytest.mark.parametrize(
    ("wanted", "zone", "due"),
    [
        ("2026-03-09T09:00", "UTC", "2026-03-09T09:00"),
        ("2026-03-09T08:59", "UTC", "2026-03-08T19:00"),
        ("2026-03-09T19:59", "UTC", "2026-03-09T19:59"),
        ("2026-03-09T20:00", "UTC", "2026-03-09T19:00"),
        ("2026-03-29T06:00", "Europe/Vienna", "2026-03-28T18:00"),  # summer time began in the night between
        ("2026-10-25T07:30", "Europe/Vienna", "2026-10-24T17:00"),  # and ended here
        ("2026-03-08T13:00", "America/New_York", "2026-03-08T13:00"),  # 9 h of summer time
        ("2026-03-08T12:59", "America/New_York", "2026-03-08T00:00"),  # 19 h of winter time, the day before
        ("2026-11-01T13:59", "America/New_York", "2026-10-31T23:00"),
        ("2026-11-01T14:00", "America/New_York", "2026-11-01T14:00"),  # 9 h of winter time
        ("2026-03-09T03:14", "Asia/Kathmandu", "2026-03-08T13:15"),  # 8:59 there
        ("2026-03-09T03:15", "Asia/Kathmandu", "2026-03-09T03:15"),
        ("2011-12-30T18:00", "Pacific/Apia", "2011-12-30T05:00"),  # 8 h of the 31st there; the 30th was left out
        ("2026-03-09T09:00", "Nowhere/At_All", "2026-03-09T09:00"),
        ("2026-03-09T09:00", "../../etc/passwd", "2026-03-09T09:00"),
        ("2026-03-09T09:00", "Europe", "2026-03-09T09:00"),
    ],
)
def test_moments_are_moved_back(wanted: str, zone: str, due: str) -> None:
    """To 19 h of the evening before; summer time is minded, and an unknown zone is UTC."""
    assert by_day(datetime.fromisoformat(f"{wanted}Z"), zone_of(zone)) == datetime.fromisoformat(f"{due}Z")
