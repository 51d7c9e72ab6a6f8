"""Decoding, a few pictures at a time and off the event loop."""

import asyncio
import hashlib
import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from adapters.images.picture import LARGEST_FILE, Picture, Unusable
from adapters.images.shape import hold_shape
from core.errors import Unavailable

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 25_000_000
LONGEST_SIDE = 12_000
AT_ONCE = 2
"""Pictures that are decoded at a time: one of 25 million pixels with an alpha channel takes 200 MB meanwhile."""
WAITING = 16
"""Pictures that may wait for their turn."""
SIDE, SAMPLE_SIDE = 1024, 48
"""Pixels of the longest side of what is left, and of its very small copy."""
FORMATS = ("JPEG", "PNG", "WEBP")
SEVERAL = "MPO"
"""A JPEG with others behind it, as telephones write for depth and brightness: the first one is the picture."""
WHITE = (255, 255, 255)
ORIENTATION = 0x0112
UNREADABLE = "The picture cannot be read: it is damaged, or not whole. Send the original file."

log = structlog.get_logger(__name__)


class ImageDecoder:
    """Makes pictures out of files. A thread that is busy cannot be stopped, so their number is what is bounded."""

    def __init__(self) -> None:
        self._under_way = 0
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="images")

    async def close(self) -> None:
        """Wait for what is being decoded, and take nothing more."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def decode(self, raw: bytes) -> Picture:
        """The picture that a file shows. Raises Unusable, and Unavailable when too many wait already."""
        if self._under_way >= AT_ONCE + WAITING:
            raise Unavailable
        loop, held = asyncio.get_running_loop(), [raw]
        work = self._threads.submit(_taken, held)
        self._under_way += 1

        def done(_: object) -> None:
            held.clear()  # what is given up stands in the queue until its turn, and its file need not
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._done)

        # Who has waited for it may have left: it counts until its thread is done, or is given up before its turn. That
        # is what `work` tells; what is awaited here ends as soon as nobody waits.
        work.add_done_callback(done)
        return await asyncio.wrap_future(work)

    def _done(self) -> None:
        self._under_way -= 1


def _taken(held: list[bytes]) -> Picture:
    return decoded(held.pop())


def decoded(raw: bytes) -> Picture:
    """The picture that a file shows. Raises Unusable."""
    if not raw:
        raise Unusable("The file is empty.")
    if len(raw) > LARGEST_FILE:
        raise Unusable(f"A picture has at most {LARGEST_FILE // 1024 // 1024} MB.")
    hold_shape(raw)
    try:
        with _opened(raw) as image:
            _hold_size(image)
            return _anew(_small(image))
    except Unusable:
        raise
    except Exception as error:  # a damaged file makes the libraries raise anything
        log.info("images.unreadable", cause=type(error).__name__)
        raise Unusable(UNREADABLE) from error


def _opened(raw: bytes) -> "Image":
    """The head of the file is read, and no pixel."""
    from PIL import Image  # ruff: ignore[import-outside-top-level] -- start time

    Image.MAX_IMAGE_PIXELS = None  # its own limit is far above ours, and warns instead of refusing
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of what strangers write, which is refused or left behind
    return Image.open(io.BytesIO(raw), formats=FORMATS)


def _hold_size(image: "Image") -> None:
    """Raise Unusable for what would take too much to decode, as the head tells it."""
    width, height = image.size
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        message = f"A picture has at most {MOST_PIXELS // 1_000_000} million pixels, and {LONGEST_SIDE:,} on a side."
        raise Unusable(message)
    if image.format != SEVERAL and getattr(image, "n_frames", 1) != 1:
        raise Unusable("A picture stands still: send one frame, not an animation.")


def _small(image: "Image") -> "Image":
    """The picture decoded, no larger than it needs to be, upright, on white and in red, green and blue."""
    from PIL import Image, ImageOps  # ruff: ignore[import-outside-top-level] -- start time

    orientation = _orientation(image)
    image.draft("RGB", (SIDE, SIDE))  # a JPEG of a camera is decoded at an eighth of the work
    image.load()
    made: Any = image
    if made.mode.startswith("I"):  # 16 bits of grey, of which eight are seen
        made = made.point(lambda value: value * (1 / 256)).convert("L")
    if made.mode not in {"RGB", "L", "CMYK"}:
        made = made.convert("RGBA")
    made.thumbnail((SIDE, SIDE))
    if made.mode == "RGBA":
        white = Image.new("RGBA", made.size, (*WHITE, 255))
        made = Image.alpha_composite(white, made)
    made = made.convert("RGB")
    made.getexif()[ORIENTATION] = orientation
    return ImageOps.exif_transpose(made)


def _orientation(image: "Image") -> int:
    """How the camera was held; 1 is upright, and what cannot be read counts as such."""
    try:
        told = image.getexif().get(ORIENTATION, 1)
    except Exception:  # ruff: ignore[blind-except] -- what a stranger wrote there makes the reader raise anything
        return 1
    return told if isinstance(told, int) else 1


def _anew(image: "Image") -> Picture:
    """Encoded from its pixels: whatever else was in the file stays behind."""
    from PIL import Image  # ruff: ignore[import-outside-top-level] -- start time

    pixels = image.tobytes()
    digest = hashlib.sha256(f"{image.width}x{image.height}:".encode() + pixels).hexdigest()
    plain = Image.frombytes("RGB", image.size, pixels)
    file = io.BytesIO()
    plain.save(file, "JPEG", quality=85)
    return Picture(file.getvalue(), digest, plain.resize((SAMPLE_SIDE, SAMPLE_SIDE)).tobytes())
