"""What is sold: the plan file, money, and how both reach the provider."""

from pathlib import Path

import pytest

from services.billing import CatalogueError, money, read_catalogue

FILE = """
version: 3
base: free
trial: {plan: pro, days: 14, at_end: bill}
plans:
  - {key: free, name: Free, description: F, interval: MONTH, price: {EUR: 0, JPY: 0}, features: {}}
  - {key: pro, name: Pro, description: P, interval: MONTH, price: {EUR: 1900, JPY: 3000, KWD: 6540}, features: {}}
  - {key: old, name: Old, description: O, interval: YEAR, retired: true, price: {EUR: 100}, features: {}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A plan file."""
    path = tmp_path / "plans.yaml"
    path.write_text(FILE)
    return path


def test_a_plan_file(file: Path) -> None:
    """Its version, what is still sold, and the provider's names of its prices."""
    catalogue = read_catalogue(file)
    assert catalogue.version == 3
    assert [plan.key for plan in catalogue.sold] == ["free", "pro"]
    assert [plan.costs for plan in catalogue.plans.values()] == [False, True, True]
    assert catalogue.plans["pro"].lookup_key("KWD") == "pro:kwd"
    assert catalogue.of_lookup_key("old:eur") is catalogue.plans["old"]
    assert [catalogue.of_lookup_key(key) for key in ("gone:eur", "", None)] == [None, None, None]
    assert read_catalogue().version >= 1


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("version: 3", "", "version"),
        ("version: 3", "version: 0", "version: a whole number from 1"),
        ("version: 3", "version: true", "version: a whole number from 1"),
        ("base: free", "base: old", "base: old is retired"),
        ("plan: pro", "plan: old", r"trial\.plan|trial\.days"),
        ("EUR: 1900", "EUR: 1900, EUR: 1800", "line 7: a key stands twice"),
        ("EUR: 1900", "EUR: 0", r"pro\.price: a plan is free in every currency or in none"),
        ("EUR: 1900", "eur: 1900", r"pro\.price\.eur: a currency of ISO 4217"),
        ("EUR: 1900", "EUR: 19.00", r"pro\.price\.EUR: whole minor units"),
        ("EUR: 1900", "EUR: true", r"pro\.price\.EUR: whole minor units"),
        ("EUR: 1900", "EUR: 100000000", r"pro\.price\.EUR: whole minor units from 0 to 99999999"),
        ("KWD: 6540", "KWD: 6545", r"pro\.price\.KWD: a multiple of 10"),
        ("KWD: 6540", "ISK: 6540", r"pro\.price\.ISK: a multiple of 100"),
        ("{EUR: 100}", "{}", r"old\.price: minor units by currency"),
        ("key: old", "key: Old Plan", "small letters, digits and hyphens"),
        ("retired: true", "retired: 1", r"old\.retired: true or false"),
        ("key: old", "key: pro", "two plans have the same key"),
        ("base: free", "base: [", "ParserError"),
    ],
)
def test_a_plan_file_that_cannot_be_sold_says_where(file: Path, before: str, after: str, named: str) -> None:
    """The plan and the field."""
    file.write_text(FILE.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(CatalogueError, match=named):
        read_catalogue(file)


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "shown"),
    [
        (1900, "EUR", None, "€19.00"),
        (1900, "EUR", "de-DE", "19,00\xa0€"),
        (1900, "JPY", "ja", "￥1,900"),
        (1900, "JPY", "en", "¥1,900"),
        (6540, "KWD", "en-GB", "KWD6.540"),
        (-1234567, "USD", "en-US", "-$12,345.67"),
        (-1234567, "EUR", "fr", "-12\u202f345,67\xa0€"),
        (50000, "ISK", "is", "500,00\xa0kr."),
        (9_007_199_254_740_993, "EUR", "en", "€90,071,992,547,409.93"),
        (5, "USD", "xx-unknown", "$0.05"),
        (5, "USD", "not a tag", "$0.05"),
        (0, "EUR", "", "€0.00"),
    ],
)
def test_money_is_written_for_people(amount: int, currency: str, locale: str | None, shown: str) -> None:
    """Exact, with as many decimals as the provider's minor unit has, where that language is spoken."""
    assert money.formatted(amount, currency, locale) == shown
