"""Pictures, good and bad, for tests."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

ORANGE, GREEN = (235, 120, 20), (30, 140, 40)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """A file that shows this."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(colour: tuple[int, int, int] = ORANGE, size: tuple[int, int] = (64, 48), kind: str = "JPEG") -> bytes:
    """A file of one colour."""
    return encoded(Image.new("RGB", size, colour), kind)


def halves(size: tuple[int, int] = (80, 40)) -> Image.Image:
    """Orange on the left, green on the right."""
    image = Image.new("RGB", size, ORANGE)
    image.paste(GREEN, (size[0] // 2, 0, *size))
    return image


def from_a_camera(orientation: int) -> bytes:
    """The halves as a camera writes them that was held so, with where it was."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Porchlight Camera"
    exif.get_ifd(0x8825)[1] = "N"
    return encoded(halves(), exif=exif)


def bomb(side: int = 12_000) -> bytes:
    """A PNG of few bytes and many pixels."""
    row = b"\0" + b"\0" * ((side + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return _png((b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", data), (b"IEND", b""))


def many_pieces(count: int) -> bytes:
    """A PNG with so many notes in its head that reading them takes long."""
    head = (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return _png(head, *[(b"tEXt", b"a\0b")] * count, (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b""))


def many_scans(count: int) -> bytes:
    """A progressive JPEG one of whose scans comes again and again, each of them a walk over all pixels."""
    whole = encoded(halves((640, 640)), progressive=True)
    start = whole.rindex(b"\xff\xda")
    return whole[:start] + whole[start:-2] * count + b"\xff\xd9"


def with_a_preview(whole: bytes, preview: bytes | None = None) -> bytes:
    """A JPEG in whose head stands another one, with its own end."""
    note = b"preview" + (preview or plain())
    return whole[:2] + b"\xff\xef" + struct.pack(">H", len(note) + 2) + note + whole[2:]


def animation(kind: str, frames: int) -> bytes:
    """A file that moves."""
    images = [Image.new("RGB", (8, 8), (number % 256, 0, 0)) for number in range(frames)]
    return encoded(images[0], kind, save_all=True, append_images=images[1:])


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
