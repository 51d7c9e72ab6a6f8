"""Pictures of strangers: what they may be, and what is left of them."""

import asyncio
import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from adapters.images import ImageDecoder, Picture, Unusable, decoding
from adapters.images.decoding import UNREADABLE, decoded
from adapters.images.shape import TOO_MANY
from core.errors import Unavailable
from tests.pictures import (
    GREEN,
    ORANGE,
    animation,
    bomb,
    encoded,
    from_a_camera,
    halves,
    many_pieces,
    many_scans,
    plain,
    with_a_preview,
)

KINDS = "A picture is a JPEG, a PNG or a WebP."
LARGE = "A picture has at most 25 million pixels, and 12,000 on a side."
STILL = "A picture stands still: send one frame, not an animation."
LONG = encoded(Image.effect_noise((640, 480), 80).convert("RGB"))
WEBP = plain(kind="WEBP")


def of(picture: Picture) -> Image.Image:
    """What is left, read as anybody would."""
    return Image.open(io.BytesIO(picture.jpeg))


def near(pixel: Any, colour: tuple[int, int, int]) -> bool:
    """Whether a pixel has a colour, as far as a JPEG keeps it."""
    return all(abs(one - other) < 24 for one, other in zip(pixel, colour, strict=True))


BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "The file is empty."),
    "text": (b"hello", KINDS),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", KINDS),
    "GIF": (animation("GIF", 300), KINDS),
    "a RIFF that is no WebP": (b"RIFF\x00\x00\x00\x00WAVE", KINDS),
    "corrupt": (b"\xff\xd8\xff" + b"x" * 500, UNREADABLE),
    "corrupt PNG": (plain(kind="PNG")[:40] + b"x" * 99, UNREADABLE),
    "corrupt WebP": (WEBP[:20] + b"x" * 60, UNREADABLE),
    "truncated": (LONG[: len(LONG) // 2], UNREADABLE),
    "truncated PNG": (encoded(halves((400, 400)), "PNG")[:-40], UNREADABLE),
    "12,000 squared": (bomb(), LARGE),
    "a long strip": (encoded(Image.new("L", (12_001, 1)), "PNG"), LARGE),
    "300 frames of PNG": (animation("PNG", 300), STILL),
    "300 frames of WebP": (animation("WEBP", 300), STILL),
    "25 MB": (LONG + b"\0" * (25 * 1024 * 1024), "A picture has at most 10 MB."),
    "notes without end": (many_pieces(10_001), TOO_MANY),
    "scans without end": (many_scans(65), TOO_MANY),
    "scans behind a preview": (with_a_preview(many_scans(65)), TOO_MANY),
    "scans behind a mark that is none": (
        b"\xff\xd8\xff\xda\x00\x02\xff\x05\xff\xff" + b"\xff\xda\x00\x02" * 64,
        TOO_MANY,
    ),
    "marks between scans": (b"\xff\xd8\xff\xda\x00\x02" + b"\xff\xe1\x00\x02" * 10_001, TOO_MANY),
    "marks without end": (b"\xff\xd8" + b"\xff\xe1\x00\x02" * 10_001, TOO_MANY),
    "fill without end": (b"\xff\xd8" + b"\xff" * 10_010, TOO_MANY),
    "chunks without end": (b"RIFF\x00\x00\x00\x00WEBP" + b"VP8 \x00\x00\x00\x00" * 10_001, TOO_MANY),
}


@pytest.mark.parametrize(("raw", "message"), BAD.values(), ids=BAD)
def test_what_is_no_picture_is_refused(raw: bytes, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each says what would be right, and what would take long to decode is refused before a pixel is."""
    monkeypatch.setattr(decoding, "_small", decoding._small if message == UNREADABLE else None)
    with pytest.raises(Unusable) as refused:
        decoded(raw)
    assert refused.value.message == message


def test_largest_bomb_is_small() -> None:
    """144 million pixels come in 17 kB: nothing of a file's length tells what it takes to decode it."""
    assert len(bomb()) < 18_000


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_come_upright_and_tell_nothing_else(orientation: int) -> None:
    """However the camera was held, turned and mirrored as it says; where it was, and which it was, is gone."""
    made = of(decoded(from_a_camera(orientation)))
    turned = orientation > 4
    assert made.size == ((40, 80) if turned else (80, 40))
    first = made.getpixel((20, 10) if turned else (10, 20))
    assert near(first, ORANGE if orientation in {1, 4, 5, 6} else GREEN)
    assert dict(made.getexif()) == {}
    assert b"Porchlight" not in decoded(from_a_camera(orientation)).jpeg
    assert set(made.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_polyglot_loses_its_other_tongue() -> None:
    """What hides behind or within the pixels does not come along; the picture is the same as without it."""
    comment = encoded(halves(), comment=b"<script>alert(1)</script>")
    clean = decoded(encoded(halves())).fingerprint
    for raw in (comment, encoded(halves()) + b"<script>alert(1)</script>"):
        made = decoded(raw)
        assert b"script" not in made.jpeg
        assert made.fingerprint == clean
    assert clean != decoded(encoded(halves((40, 80)))).fingerprint


WAYS: dict[str, tuple[Callable[[], bytes], tuple[int, int, int]]] = {
    "CMYK": (lambda: encoded(halves().convert("CMYK")), ORANGE),
    "palette": (lambda: encoded(halves().quantize(8), "PNG"), ORANGE),
    "palette with a hole": (
        lambda: encoded(Image.new("RGB", (9, 9), GREEN).quantize(2), "PNG", transparency=0),
        (255, 255, 255),
    ),
    "alpha": (lambda: encoded(Image.new("RGBA", (9, 9), (200, 0, 0, 0)), "PNG"), (255, 255, 255)),
    "grey with alpha": (lambda: encoded(Image.new("LA", (9, 9), (0, 128)), "PNG"), (127, 127, 127)),
    "16 bits": (lambda: encoded(Image.new("I;16", (9, 9), 40_000), "PNG"), (156, 156, 156)),
    "one bit": (lambda: encoded(Image.new("1", (9, 9), 1), "PNG"), (255, 255, 255)),
    "WebP": (lambda: plain(kind="WEBP"), ORANGE),
    "several in one, as telephones write": (
        lambda: encoded(Image.new("RGB", (64, 64), ORANGE), "MPO", save_all=True, append_images=[halves((64, 64))]),
        ORANGE,
    ),
    "a film behind it, as telephones write": (lambda: plain() + b"ftyp" + b"\xff\xda\x00\x02" * 1000, ORANGE),
    "a preview of many scans": (lambda: with_a_preview(plain(), many_scans(65)), ORANGE),
    "orientation that is none": (lambda: encoded(halves(), exif=b"Exif\0\0MM\0\x2a\0\0\0\x08\xff\xff"), ORANGE),
}


@pytest.mark.parametrize(("make", "colour"), WAYS.values(), ids=WAYS)
def test_every_kind_becomes_plain(make: Callable[[], bytes], colour: tuple[int, int, int]) -> None:
    """Eight bits of red, green and blue, on white."""
    made = of(decoded(make()))
    assert (made.format, made.mode) == ("JPEG", "RGB")
    assert near(made.getpixel((2, 2)), colour)


def test_a_large_picture_becomes_small() -> None:
    """Its longest side is 1,024, whatever its kind; the sample has 48 by 48 pixels."""
    for raw in (encoded(halves((5000, 4000))), encoded(halves((3000, 2400)), "PNG")):
        made = decoded(raw)
        assert of(made).size == (1024, 819)
        assert len(made.sample) == 48 * 48 * 3


async def test_few_are_decoded_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two; some wait; the rest is told to come again, and who has left frees a place when the work is done."""
    running, most, gate = 0, 0, threading.Event()
    counting = threading.Lock()

    def slowly(raw: bytes) -> Picture:
        nonlocal running, most
        with counting:
            running += 1
            most = max(most, running)
        gate.wait(5)
        with counting:
            running -= 1
        return Picture(raw, "f", b"")

    monkeypatch.setattr(decoding, "decoded", slowly)
    decoder = ImageDecoder()
    waiting = [asyncio.create_task(decoder.decode(b"x")) for _ in range(18)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await decoder.decode(b"x")
    waiting[0].cancel()
    gate.set()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [each for each in done if isinstance(each, Picture)] == [Picture(b"x", "f", b"")] * 17
    assert (await decoder.decode(b"y")).jpeg == b"y"
    await decoder.close()
    assert (most, running) == (2, 0)
    with pytest.raises(RuntimeError):
        await decoder.decode(b"z")
    assert decoder._under_way == 0


async def test_who_leaves_frees_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a thread is busy with counts although nobody waits for it; what had not begun does not."""
    gate = threading.Event()
    begun = threading.Semaphore(0)

    def slowly(raw: bytes) -> Picture:
        begun.release()
        gate.wait(5)
        return Picture(raw, "f", b"")

    monkeypatch.setattr(decoding, "decoded", slowly)
    decoder = ImageDecoder()
    waiting = [asyncio.create_task(decoder.decode(b"x")) for _ in range(18)]
    for _ in range(2):
        assert await asyncio.to_thread(begun.acquire, timeout=5)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.sleep(0)
    assert decoder._under_way == 2
    others = [asyncio.create_task(decoder.decode(b"y")) for _ in range(16)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await decoder.decode(b"y")
    gate.set()
    assert {each.jpeg for each in await asyncio.gather(*others)} == {b"y"}
    await decoder.close()
    assert decoder._under_way == 0
