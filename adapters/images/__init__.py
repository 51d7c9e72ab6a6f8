"""Pictures that strangers send: checked before they are decoded, and made anew from their pixels alone."""

from adapters.images.decoding import ImageDecoder
from adapters.images.picture import LARGEST_FILE, Picture, Unusable

__all__ = ["LARGEST_FILE", "ImageDecoder", "Picture", "Unusable"]
