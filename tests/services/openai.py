"""OpenAI's API on a real port for tests: it answers and fails as it is told, and writes down what is asked."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.services.stripe import listening

KEY = "sk-of-this-test"


@dataclass(frozen=True)
class Fault:
    """What is answered instead, `delay` seconds late, `drip` seconds between bytes."""

    status: int = 200
    body: Any = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0


def failing(status: int, code: str = "", **headers: str) -> Fault:
    """An error as the API words it."""
    body = {"error": {"message": "no", "type": "error", "param": None, "code": code or None}}
    return Fault(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def vector_of(text: str, dimension: int) -> list[float]:
    """A vector that depends on the text's words, so that texts that share words are near."""
    vector = [0.0] * dimension
    for word in text.lower().split():
        for place, byte in enumerate(word.encode()):
            vector[(byte * 31 + place * 7 + len(word)) % dimension] += 1.0
    return vector


@dataclass
class OpenAIService:
    """`faults` come first, each once; None is none. `answer` gives the text of a model's answer to a request's body."""

    faults: list[Fault | None] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], Any] = lambda _: {}
    """Gives what becomes JSON in the answer; a `str` is told as it is; None is a refusal."""
    flagged: bool = False
    dimension: int = 64
    url: str = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = json.loads(body or b"{}")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append({"path": scope["path"], "body": request, "headers": headers})
        fault = (self.faults.pop(0) if self.faults else None) or Fault(body=self._found(scope["path"], request))
        await self._tell(fault, send)

    async def _tell(self, fault: Fault, send: Any) -> None:
        await asyncio.sleep(fault.delay)
        body = fault.body if isinstance(fault.body, bytes) else json.dumps(fault.body).encode()
        told = {"content-type": fault.kind, "content-length": str(len(body)), **fault.headers}
        headers = [(name.encode(), value.encode()) for name, value in told.items()]
        await send({"type": "http.response.start", "status": fault.status, "headers": headers})
        for start in range(0, len(body) if fault.drip else 0, 1):
            await asyncio.sleep(fault.drip)
            await send({"type": "http.response.body", "body": body[start : start + 1], "more_body": True})
        await send({"type": "http.response.body", "body": b"" if fault.drip else body})

    def _found(self, path: str, request: dict[str, Any]) -> Any:
        match path.rpartition("/v1")[2]:
            case "/embeddings":
                return self._embeddings(request)
            case "/responses":
                return self._response(request)
            case "/moderations":
                return {"id": "modr_1", "model": "omni", "results": [{"flagged": self.flagged, "categories": {}}]}
        raise AssertionError(path)

    def _embeddings(self, request: dict[str, Any]) -> Any:
        """Told in reverse, as the API may: who reads them goes by `index`."""
        dimension = request.get("dimensions", self.dimension)
        found = []
        for index, text in enumerate(request["input"]):
            vector = vector_of(text, dimension)
            packed = base64.b64encode(struct.pack(f"<{dimension}f", *vector)).decode()
            wanted = packed if request.get("encoding_format") == "base64" else vector
            found.append({"object": "embedding", "index": index, "embedding": wanted})
        usage = {"prompt_tokens": len(request["input"]), "total_tokens": len(request["input"])}
        return {"object": "list", "data": found[::-1], "model": request["model"], "usage": usage}

    def _response(self, request: dict[str, Any]) -> Any:
        said = self.answer(request)
        text = said if isinstance(said, str) else json.dumps(said)
        part = {"type": "output_text", "text": text, "annotations": []}
        if said is None:
            part = {"type": "refusal", "refusal": "I can't help with that."}
        message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
        usage = {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 120,
        }
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": "completed",
            "model": request["model"],
            "output": [message],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": usage,
        }


@asynccontextmanager
async def openai_service() -> AsyncGenerator[OpenAIService]:
    """OpenAI on a port of its own; `url` is what OPENAI_BASE_URL would be."""
    service = OpenAIService()
    async with listening(service) as address:
        service.url = f"{address}/v1"
        yield service
