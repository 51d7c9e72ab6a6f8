"""Global ids: what goes in comes out, and nothing else is taken for one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cursors import MAX_LENGTH, decode_id, decode_int_id, encode_id, int_key

TYPES = st.from_regex(r"[A-Z][A-Za-z]{0,40}", fullmatch=True)
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=45)


@given(TYPES, KEYS)
def test_an_id_is_decoded_to_what_it_was_made_of(type_name: str, key: str) -> None:
    """Any type and any key of printable ASCII."""
    global_id = encode_id(type_name, key)
    assert decode_id(global_id) == ((type_name, key) if len(global_id) <= MAX_LENGTH else None)
    assert global_id.isascii()
    assert not set(global_id) & set("+/= ")


@given(st.integers(min_value=1, max_value=2**31 - 1), TYPES)
def test_integer_keys_survive(key: int, type_name: str) -> None:
    """Every key that a row may have, for its own type alone."""
    assert decode_int_id(encode_id(type_name, key), type_name) == key
    assert decode_int_id(encode_id(type_name, key), type_name + "s") is None


@given(st.one_of(st.text(max_size=200), st.binary(max_size=90).map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_garbage_is_no_id(text: str) -> None:
    """Whatever is taken is exactly what would be made of it: one id for one object."""
    decoded = decode_id(text)
    assert decoded is None or encode_id(*decoded) == text
    assert decode_int_id(text, "User") is None or text == encode_id("User", decode_int_id(text, "User") or 0)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("1", 1),
        ("2147483647", 2**31 - 1),
        ("2147483648", None),
        ("99999999999", None),
        ("0", None),
        ("01", None),
        ("1\n", None),
        ("-1", None),
        ("", None),
        ("1.0", None),
        ("1e3", None),
        ("٣", None),
        ("²", None),
        ("1_0", None),
        (" 1", None),
    ],
)
def test_integer_keys_fit_the_database(key: str, expected: int | None) -> None:
    """Positive, 32 bits, in ASCII digits."""
    assert int_key(key) == expected


@given(st.text(max_size=30))
def test_no_text_is_mistaken_for_a_number(key: str) -> None:
    """`int` takes more than we do."""
    number = int_key(key)
    assert number is None or (0 < number < 2**31 and str(number) == key)
