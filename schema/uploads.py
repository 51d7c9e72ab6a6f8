"""Files that come with an operation."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NewType

import strawberry
from graphql import GraphQLError

Upload = NewType("Upload", object)
"""In an argument: what arrives there is an UploadedFile."""


@dataclass(frozen=True, eq=False)
class UploadedFile:
    """A file as it was sent, open for as long as its request runs. Its name and its claimed type are not believed."""

    file: BinaryIO = field(repr=False)
    size: int
    """Bytes."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def read(self, most: int) -> bytes:
        """Its first `most` bytes, the same each time: one file may be asked for in several places."""
        async with self._turn:
            return await asyncio.to_thread(self._read, most)

    def _read(self, most: int) -> bytes:
        self.file.seek(0)
        return self.file.read(most)


def _uploaded(value: Any) -> UploadedFile:
    if not isinstance(value, UploadedFile):
        raise GraphQLError("A file is sent by a multipart request, with null in its place among the variables.")
    return value


UPLOAD = strawberry.scalar(
    name="Upload", description="A file, sent by the GraphQL multipart request.", parse_value=_uploaded
)
"""What `Upload` is in the schema. There is no way to give a file back, or to write one into a document."""
