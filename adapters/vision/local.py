"""Looking without a vendor: colours, brightness, and what the owner says. It sees no objects, and says so."""

import asyncio
import colorsys
from collections import Counter
from itertools import starmap
from statistics import fmean, pstdev

from adapters.images import Picture
from adapters.vision.port import DEADLINE, Seen, told
from adapters.vision.vocabulary import Vocabulary, read_vocabulary

MODEL = "local-palette"
METHOD = 1
"""Grows with each change of what is computed here."""
SAID, MOST_SHOWN = 0.4, 0.3
"""Confidence of what the owner says, and the most for what the colours show: nobody shall believe that it saw more."""
LEAST_SHARE = 0.15
"""Of the pixels, for a colour that is worth telling."""
MOST_COLOURS = 3

# Where a hue ends, in degrees.
HUES = ((15, "red"), (42, "orange"), (68, "yellow"), (160, "green"), (192, "turquoise"), (255, "blue"),
        (290, "purple"), (342, "pink"), (361, "red"))  # fmt: skip
WARM = frozenset({"red", "orange", "yellow", "brown", "pink"})
COOL = frozenset({"blue", "turquoise", "green", "purple"})
BLACK, WHITE, GREY = 0.2, 0.85, 0.15
"""Below which value a pixel is black, above which a grey one is white, below which saturation it is grey."""
BROWN, PALE_RED = 0.6, 0.5
"""Below which value orange is brown, and below which saturation red is pink."""
DARK, BRIGHT, CONTRAST, FULL = 0.25, 0.75, 0.3, 0.5
CLEARLY = 0.6
"""Of the pixels, for what is said of the whole."""


class LocalVision:
    """What can be told from pixels alone, in a few milliseconds."""

    model = MODEL
    most_tokens = 0

    def __init__(self, vocabulary: Vocabulary | None = None) -> None:
        self._known = vocabulary

    @property
    def prompt_version(self) -> str:
        return f"{METHOD}.{self._vocabulary.version}"

    async def look(
        self, picture: Picture, caption: str, *, safety_identifier: str = "", deadline: float = DEADLINE
    ) -> Seen:
        return await asyncio.to_thread(self._look, picture, caption)

    @property
    def _vocabulary(self) -> Vocabulary:
        return self._known or read_vocabulary()

    def _look(self, picture: Picture, caption: str) -> Seen:
        said = [(tag, SAID) for tag in self._vocabulary.in_words(caption)]
        tags = told([*said, *shown(picture.sample)], self._vocabulary.tags)
        return Seen(tags, tags[0][1] if tags else 0.0, self.model, self.prompt_version)


def shown(sample: bytes) -> list[tuple[str, float]]:
    """Colours and styles of red, green and blue pixels, with their confidence."""
    values = [byte / 255 for byte in sample]
    pixels = [colorsys.rgb_to_hsv(*values[place : place + 3]) for place in range(0, len(values), 3)]
    count = len(pixels)
    names = Counter(starmap(name_of, pixels))
    colours = [(name, each / count) for name, each in names.most_common(MOST_COLOURS) if each / count >= LEAST_SHARE]
    found = [(name, MOST_SHOWN * share) for name, share in colours]
    bright = [(max(pixel) + min(pixel)) / 2 for pixel in zip(values[::3], values[1::3], values[2::3], strict=True)]
    full = fmean(saturation * value for _, saturation, value in pixels)
    warm, cool = (sum(names[name] for name in group) / count for group in (WARM, COOL))
    styles = {
        "dark": fmean(bright) < DARK,
        "bright": fmean(bright) > BRIGHT,
        "high-contrast": pstdev(bright) > CONTRAST,
        "colourful": full > FULL,
        "muted": GREY / 2 < full < GREY,
        "monochrome": full < GREY / 3,
        "warm-tones": warm > CLEARLY,
        "cool-tones": cool > CLEARLY,
    }
    return [*found, *((style, MOST_SHOWN / 2) for style, holds in styles.items() if holds)]


def name_of(hue: float, saturation: float, value: float) -> str:
    """The colour of a pixel; each from 0 to 1."""
    if value < BLACK:
        return "black"
    if saturation < GREY:
        return "white" if value > WHITE else "grey"
    name = next(name for end, name in HUES if hue * 360 < end)
    if name in {"orange", "yellow"} and value < BROWN:
        return "brown"
    return "pink" if name == "red" and saturation < PALE_RED and value > BROWN else name
