"""What people read: sentences with their translations, formats of dates and money, and what time it is for them."""

from services.languages.catalogues import LANGUAGES, SOURCE
from services.languages.daytime import by_day, days_until, is_day, next_morning, zone_of
from services.languages.phrases import Country, Money, Phrase, Told, label, packed, phrase, phrases, unpacked
from services.languages.readers import Reader, reader_of

__all__ = [
    "LANGUAGES",
    "SOURCE",
    "Country",
    "Money",
    "Phrase",
    "Reader",
    "Told",
    "by_day",
    "days_until",
    "is_day",
    "label",
    "next_morning",
    "packed",
    "phrase",
    "phrases",
    "reader_of",
    "unpacked",
    "zone_of",
]
