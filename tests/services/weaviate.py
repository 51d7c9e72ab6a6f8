"""A Weaviate server for tests, over REST and gRPC: it compares every vector, and fails as it is told.

It speaks the part of the protocol that the adapter uses. What it says of errors is what a server of 1.40 says.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import starmap
from operator import itemgetter
from typing import Any
from uuid import UUID

import grpc  # type: ignore[import-untyped]
import numpy as np
import uvicorn
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from weaviate.proto.v1 import base_pb2, batch_delete_pb2, batch_pb2, properties_pb2, search_get_pb2, weaviate_pb2_grpc

from tests.services.stripe import Started

OPERATORS = {number: name.removeprefix("OPERATOR_") for name, number in base_pb2.Filters.Operator.items()}
MOST = 10_000


@dataclass
class Stored:
    """One object."""

    item: int
    stamp: str
    vector: NDArray[np.float32]


@dataclass
class Weaviate:
    """Runs between `start` and `stop`, any number of times on the same ports. What it holds outlasts that.

    `refused` items fail in batches and `kept` ones in deletions; `stale` ones are found although they are gone;
    `delay` seconds pass before a search is answered, and `searching` is set when one has come in.
    """

    version: str = "1.40.0"
    collections: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: dict[str, dict[str, Stored]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    stale: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    delay: float = 0.0
    searching: asyncio.Event = field(default_factory=asyncio.Event)
    http_port: int = 0
    grpc_port: int = 0
    _grpc: Any = None
    _http: Started | None = None
    _serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """What VECTORS_URL would be; a search may take long on a busy machine."""
        return f"weaviate://127.0.0.1:{self.http_port}?grpc={self.grpc_port}&timeout=5"

    def reserve(self) -> None:
        """Take ports without listening yet."""
        self.http_port, self.grpc_port = _free_port(), _free_port()

    async def start(self) -> None:
        await self.start_grpc()
        config = uvicorn.Config(
            _rest(self),
            host="127.0.0.1",
            port=self.http_port,
            lifespan="off",
            log_level="critical",
            timeout_graceful_shutdown=0,
        )
        self._http = Started(config)
        self._serving = asyncio.create_task(self._http._serve())
        await self._http.ready.wait()

    async def start_grpc(self) -> None:
        self._grpc = grpc.aio.server()
        weaviate_pb2_grpc.add_WeaviateServicer_to_server(_Servicer(self), self._grpc)  # type: ignore[no-untyped-call]
        self._grpc.add_insecure_port(f"127.0.0.1:{self.grpc_port}")
        await self._grpc.start()

    async def stop_grpc(self) -> None:
        """REST lives on. Calls that are under way are cut."""
        if self._grpc:
            await self._grpc.stop(None)
            self._grpc = None

    async def stop(self) -> None:
        await self.stop_grpc()
        if self._http and self._serving:
            self._http.should_exit = self._http.force_exit = True
            await self._serving
            self._http = None

    def items(self) -> list[set[int]]:
        """What each collection holds."""
        return [{stored.item for stored in held.values()} for held in self.objects.values()]


@asynccontextmanager
async def weaviate_service(*, up: bool = True, version: str = "1.40.0") -> AsyncGenerator[Weaviate]:
    """A server that is stopped at the end. Without `up` it has ports and does not listen yet."""
    service = Weaviate(version)
    service.reserve()
    try:
        if up:
            await service.start()
        yield service
    finally:
        await service.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _rest(service: Weaviate) -> Starlette:
    async def meta(request: Request) -> Response:  # ruff: ignore[unused-async] -- else it would run in a thread
        service.asked.append("meta")
        service.keys.add(request.headers.get("authorization", ""))
        return JSONResponse({"hostname": "http://[::]:8080", "version": service.version, "modules": {}})

    async def collections(request: Request) -> Response:
        made = await request.json()
        if made["class"] in service.collections:
            message = f"class name {made['class']} already exists"
            return JSONResponse({"error": [{"message": message}]}, 422)
        service.asked.append("create")
        service.collections[made["class"]] = made
        service.objects[made["class"]] = {}
        return JSONResponse(made)

    async def collection(request: Request) -> Response:  # ruff: ignore[unused-async] -- as above
        name = request.path_params["name"]
        if request.method == "DELETE":
            service.collections.pop(name, None)
            service.objects.pop(name, None)
            return Response()
        found = service.collections.get(name)
        return JSONResponse(found) if found else JSONResponse({"error": [{"message": ""}]}, 404)

    return Starlette(
        routes=[
            Route("/v1/meta", meta),
            Route("/v1/schema", collections, methods=["POST"]),
            Route("/v1/schema/{name}", collection, methods=["GET", "DELETE"]),
        ]
    )


class _Servicer(weaviate_pb2_grpc.WeaviateServicer):
    def __init__(self, service: Weaviate) -> None:
        self._service = service

    async def _held(self, name: str, context: Any) -> dict[str, Stored]:
        if name not in self._service.objects:
            await context.abort(grpc.StatusCode.UNKNOWN, f"could not find class {name} in schema")
        return self._service.objects[name]

    async def BatchObjects(self, request: Any, context: Any) -> Any:  # ruff: ignore[invalid-function-name] -- the protocol's
        service = self._service
        service.asked.append("insert")
        errors = []
        for place, each in enumerate(request.objects):
            held = await self._held(each.collection, context)
            given = MessageToDict(each.properties.non_ref_properties)
            item = int(given["item"])
            if item in service.refused:
                errors.append(batch_pb2.BatchObjectsReply.BatchError(index=place, error="no room left"))
                continue
            held[each.uuid] = Stored(item, given["stamp"], _floats(each.vectors[0].vector_bytes))
        return batch_pb2.BatchObjectsReply(took=0.001, errors=errors)

    async def BatchDelete(self, request: Any, context: Any) -> Any:  # ruff: ignore[invalid-function-name] -- the protocol's
        service = self._service
        service.asked.append("delete")
        held = await self._held(request.collection, context)
        meets = _meeting(request.filters)
        matching = [uuid for uuid, stored in held.items() if meets(stored.item)]
        gone = [uuid for uuid in matching if held[uuid].item not in service.kept]
        for uuid in gone:
            del held[uuid]
        return batch_delete_pb2.BatchDeleteReply(
            took=0.001, matches=len(matching), successful=len(gone), failed=len(matching) - len(gone)
        )

    async def Search(self, request: Any, context: Any) -> Any:  # ruff: ignore[invalid-function-name] -- the protocol's
        service = self._service
        near = request.HasField("near_vector")
        service.asked.append("search" if near else "list")
        held = await self._held(request.collection, context)
        if request.limit > MOST:
            await context.abort(grpc.StatusCode.UNKNOWN, "query maximum results exceeded")
        meets = _meeting(request.filters) if request.HasField("filters") else lambda _: True
        found = [(uuid, stored) for uuid, stored in held.items() if meets(stored.item)]
        if not near:
            rows = sorted(((uuid, stored, 0.0) for uuid, stored in found), key=itemgetter(0))
            rows = [row for row in rows if row[0] > request.after]
        else:
            service.searching.set()
            await asyncio.sleep(service.delay)
            found += [(str(UUID(int=item)), Stored(item, "", vector)) for item, vector in service.stale.items()]
            rows = _ranked(found, _query(request.near_vector))
        return search_get_pb2.SearchReply(took=0.001, results=list(starmap(_result, rows[: request.limit or 10])))


def _meeting(wanted: Any) -> Callable[[int], bool]:
    """Whether an item meets a filter."""
    match OPERATORS[wanted.operator]:
        case "AND":
            parts = [_meeting(each) for each in wanted.filters]
            return lambda item: all(part(item) for part in parts)
        case "CONTAINS_ANY":
            values = set(wanted.value_int_array.values)
            return lambda item: item in values
        case "CONTAINS_NONE":
            others = set(wanted.value_int_array.values)
            return lambda item: item not in others
        case "NOT_EQUAL":
            other = wanted.value_int
            return lambda item: bool(item != other)
    raise AssertionError(wanted)


def _query(near: Any) -> NDArray[np.float32]:
    """The vector that is searched for, where the SDK puts it for this version of the server."""
    if near.vector_for_targets:
        target = near.vector_for_targets[0]
        return _floats(target.vector_bytes or target.vectors[0].vector_bytes)
    return _floats(near.vector_bytes or near.vectors[0].vector_bytes)


def _floats(raw: bytes) -> NDArray[np.float32]:
    return np.array(struct.unpack(f"<{len(raw) // 4}f", raw), np.float32)


def _ranked(found: list[tuple[str, Stored]], query: NDArray[np.float32]) -> list[tuple[str, Stored, float]]:
    """By the cosine distance; of equal ones whichever comes."""
    if not found:
        return []
    matrix = np.stack([stored.vector for _, stored in found]).astype(np.float64)
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(query)
    distances = 1.0 - (matrix @ query.astype(np.float64)) / lengths
    order = np.argsort(distances, kind="stable")
    return [(*found[row], float(distances[row])) for row in order]


def _result(uuid: str, stored: Stored, distance: float) -> Any:
    fields = {
        "item": properties_pb2.Value(int_value=stored.item),
        "stamp": properties_pb2.Value(text_value=stored.stamp),
    }
    return search_get_pb2.SearchResult(
        metadata=search_get_pb2.MetadataResult(
            id=uuid, id_as_bytes=UUID(uuid).bytes, distance=distance, distance_present=True
        ),
        properties=search_get_pb2.PropertiesResult(non_ref_props=properties_pb2.Properties(fields=fields)),
    )
