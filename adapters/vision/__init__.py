"""What is seen in a picture: tags of one closed vocabulary, whichever variant looks."""

from adapters.vision.local import LocalVision
from adapters.vision.opening import open_vision
from adapters.vision.port import DEADLINE, MOST_TAGS, Seen, Vision, told
from adapters.vision.vocabulary import Vocabulary, read_vocabulary

__all__ = [
    "DEADLINE",
    "MOST_TAGS",
    "LocalVision",
    "Seen",
    "Vision",
    "Vocabulary",
    "open_vision",
    "read_vocabulary",
    "told",
]
