"""Files that come with an operation: the GraphQL multipart request, held within bounds while it arrives (ADR 0046)."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from core.errors import RateLimited, Unavailable
from engine.trusted import TrustedDocuments
from schema.uploads import UploadedFile
from web.asked import operation_in
from web.requests import BadRequestError, json_object
from web.runtime import Operation

MULTIPART = "multipart/form-data"
PREFLIGHT = ("GraphQL-Require-Preflight", "Apollo-Require-Preflight")
"""Headers of which one must be there. A form of another site can send this media type and cookies along with it, but
no header of its own choice: a browser asks us first, and we let nobody in but ALLOWED_ORIGINS."""
MAX_UPLOAD = 11 * 1024 * 1024
"""Bytes of a whole body: a file of 10 MB, and what goes with it."""
MAX_FILES = 3
MAX_PATHS = 10
MAX_FIELD = 1024 * 1024
"""Bytes of `operations`, or of `map`: as much as a body of JSON may have."""
MAX_DEPTH = 16
UPLOAD_TIMEOUT = 60.0
"""Seconds that a client has to send all of it: 1.5 Mbit/s for the largest."""
AT_ONCE, AT_ONCE_OF_ONE = 32, 3
"""Bodies that arrive at a time, in one process and of one user: what they take of memory and disk is bounded by it."""
INDEX = re.compile(r"0|[1-9][0-9]{0,3}", re.ASCII)


def is_multipart(request: Request) -> bool:
    """Whether a request says that it comes in parts."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return request.method == "POST" and media_type == MULTIPART


class Parts(MultiPartParser):
    """Starlette's reader, which besides knows whether it has seen the end, and takes text in UTF-8 alone."""

    ended = False

    def on_headers_finished(self) -> None:
        """Raise UnicodeDecodeError for a name in another encoding, where Starlette would take it for Latin-1."""
        _, options = parse_options_header(self._current_part.content_disposition)
        options.get(b"name", b"").decode()
        super().on_headers_finished()

    def on_part_end(self) -> None:
        """Raise UnicodeError for text that is in another encoding, or says so; a file may be anything."""
        if self._current_part.file is None:
            told = dict(self._current_part.item_headers).get(b"content-type", b"")
            if not _says_utf8(told):
                raise UnicodeError
            self._current_part.data.decode()
        super().on_part_end()

    def on_end(self) -> None:
        self.ended = True

    def close(self) -> None:
        """Close all files that it has opened, those too that have no end and so stand in no form."""
        for file in self._files_to_close_on_error:
            file.close()


class Uploads:
    """Takes in the bodies of one process."""

    def __init__(self, trusted: TrustedDocuments | None) -> None:
        self._trusted = trusted
        self._arriving: Counter[int] = Counter()

    @asynccontextmanager
    async def received(self, request: Request, user_id: int) -> AsyncGenerator[Operation, None]:
        """The operation of a multipart request, with its files open until the block ends.

        Raises BadRequestError, RateLimited, Unavailable.
        """
        _hold_head(request)
        parser = Parts(request.headers, _counted(request), max_files=MAX_FILES, max_fields=2, max_part_size=MAX_FIELD)
        with self._turn(user_id):
            try:
                yield operation_in(_members(await _form(parser)), self._trusted)
            finally:
                parser.close()

    @contextmanager
    def _turn(self, user_id: int) -> Generator[None]:
        if self._arriving[user_id] >= AT_ONCE_OF_ONE:
            raise RateLimited(1.0)
        if self._arriving.total() >= AT_ONCE:
            raise Unavailable
        self._arriving[user_id] += 1
        try:
            yield
        finally:
            self._arriving[user_id] -= 1
            if not self._arriving[user_id]:
                del self._arriving[user_id]


def _hold_head(request: Request) -> None:
    """Refuse by the headers alone what need not be read. Raises BadRequestError."""
    if not any(request.headers.get(name, "").strip() for name in PREFLIGHT):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"A multipart request has a header {' or '.join(PREFLIGHT)}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadRequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not compressed.")
    if not _says_utf8(request.headers["content-type"]):
        raise BadRequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is in UTF-8, and names no other charset.")
    if int(request.headers.get("content-length", "0")) > MAX_UPLOAD:
        raise _too_large()


def _says_utf8(content_type: str | bytes) -> bool:
    """Whether a media type names no charset but UTF-8. Starlette obeys any codec, and some take seconds or fail."""
    return parse_options_header(content_type)[1].get(b"charset", b"utf-8").strip().lower() in {b"utf-8", b"utf8"}


async def _form(parser: Parts) -> FormData:
    """The parts, their files spooled to disk above 1 MB. Raises BadRequestError."""
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT):
            form = await parser.parse()
    except MultiPartException as error:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"The body cannot be read. {error.message}") from error
    except UnicodeError as error:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "The text of a part is not in UTF-8.") from error
    except ValueError as error:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "The body cannot be read.") from error
    except TimeoutError as error:
        raise BadRequestError(HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time.") from error
    if not parser.ended:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "The body ends before its last boundary.")
    return form


async def _counted(request: Request) -> AsyncGenerator[bytes, None]:
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > MAX_UPLOAD:
            raise _too_large()
        yield chunk


def _too_large() -> BadRequestError:
    message = f"A multipart body has at most {MAX_UPLOAD:,} bytes."
    return BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)


def _members(form: FormData) -> dict[str, Any]:
    """The members of the operation, its files put where `map` says. Raises BadRequestError."""
    named: dict[str, Any] = {}
    for name, part in form.multi_items():
        if name in named:
            raise _wrong("Two parts have one name.")
        named[name] = part
    members = json_object(_text(named, "operations"), "operations")
    places = _places(json_object(_text(named, "map"), "map"))
    files = {name: part for name, part in named.items() if isinstance(part, UploadFile)}
    if files.keys() != places.keys():
        raise _wrong("map names each file that is sent, and no other.")
    for name, paths in places.items():
        uploaded = UploadedFile(files[name].file, files[name].size or 0)
        for path in paths:
            _put(members, path.split("."), uploaded)
    return members


def _text(named: Mapping[str, Any], name: str) -> str:
    part = named.get(name)
    if not isinstance(part, str):
        raise _wrong(f"The part {name} is missing.")
    return part


def _places(given: dict[str, Any]) -> dict[str, list[str]]:
    for paths in given.values():
        if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
            raise _wrong("map gives for each file a list of paths.")
    if sum(map(len, given.values())) > MAX_PATHS:
        raise _wrong(f"map has at most {MAX_PATHS} paths.")
    return given


def _put(members: dict[str, Any], path: list[str], uploaded: UploadedFile) -> None:
    """Put a file where the path ends, which must be a null among the variables. Raises BadRequestError."""
    wrong = _wrong("A path of map leads to a null among the variables, such as variables.image.")
    if path[0] != "variables" or not path[1:] or len(path) > MAX_DEPTH:
        raise wrong
    place: Any = members
    for key in path[:-1]:
        place = _below(place, key)
    if place is None or _below(place, path[-1], missing=uploaded) is not None:
        raise wrong
    place[int(path[-1]) if isinstance(place, list) else path[-1]] = uploaded


def _below(place: Any, key: str, *, missing: Any = None) -> Any:
    """What stands under a key or an index; `missing` where nothing does."""
    if isinstance(place, dict):
        return place.get(key, missing)
    if isinstance(place, list) and INDEX.fullmatch(key) and int(key) < len(place):
        return place[int(key)]
    return missing


def _wrong(message: str) -> BadRequestError:
    return BadRequestError(HTTPStatus.BAD_REQUEST, message)
