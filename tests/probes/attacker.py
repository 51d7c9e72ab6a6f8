"""An attacker: sends anything over every transport, and looks closely at what comes back."""

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import httpx

from tests.porchlight import Person, Porchlight
from tests.showing import PREFLIGHT
from web.protection import BARE, TLS_ONLY

RESULT = {"Accept": "application/graphql-response+json"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# Spelled after what came out of other servers, and of ours before it was masked: names of files, of libraries, of
# exceptions, and words of SQL.
INTERNAL = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|recursion|RuntimeError|NoneType|object at 0x|<class"
    r"|invalid literal|Incorrect padding|codec can't|unexpected keyword"
    r"|asyncpg|tortoise|sqlite|psycopg|strawberry|graphql-core|orjson|httptools|uvicorn|starlette"
    r"|\bSELECT\b.*\bFROM\b|\bINSERT INTO\b|UNIQUE constraint",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """What came back, in whatever way."""

    status: int
    text: str
    headers: httpx.Headers

    @property
    def content(self) -> Any:
        """The JSON of it; None where it is none."""
        with suppress(ValueError):
            return json.loads(self.text)
        return None

    @property
    def codes(self) -> list[str]:
        """The codes of its errors."""
        content = self.content
        if not isinstance(content, dict):
            return []
        if "code" in content:
            return [content["code"]]
        return [str(error.get("extensions", {}).get("code")) for error in content.get("errors", [])]

    @property
    def told(self) -> str:
        """Status and code in one text: `400 BAD_USER_INPUT`."""
        return " ".join([str(self.status), *sorted(set(self.codes))])

    def faults(self) -> list[str]:
        """What no answer may be: internal text, a failure of ours, an error without a code, a bare answer."""
        found = [match[0] for match in INTERNAL.finditer(self.text)]
        if self.status >= 500:
            found.append(f"status {self.status}")
        is_page = self.headers.get("content-type", "").startswith("text/html")
        if self.status >= 400 and not self.codes and self.text and not is_page:
            found.append("no code")
        found += [f"code {code}" for code in self.codes if code in {"INTERNAL", "None"}]
        found += [name.decode() for name, _ in BARE if name.decode() not in self.headers]
        return found + [name for name in ("server", "x-powered-by", "via") if name in self.headers]


@dataclass
class Attacker:
    """Somebody with an account, before a server."""

    porchlight: Porchlight
    person: Person

    async def http(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | str = b""
    ) -> Answer:
        """One request, its cookies forgotten afterwards."""
        content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
        answer = await self.porchlight.http.request(method, path, headers=dict(headers or {}), content=content)
        self.porchlight.http.cookies.clear()
        if TLS_ONLY[0].decode() not in answer.headers:
            raise AssertionError((method, path))
        return Answer(answer.status_code, answer.text, answer.headers)

    async def post(self, body: Any, **headers: str) -> Answer:
        """A GraphQL request by POST."""
        return await self.http("POST", "/graphql", {**RESULT, **JSON, **headers}, json.dumps(body))

    async def get(self, **parameters: str) -> Answer:
        """A GraphQL request by GET."""
        return await self.http("GET", f"/graphql?{httpx.QueryParams(parameters)}", RESULT)

    async def multipart(self, body: Any) -> Answer:
        """A GraphQL request in parts, of somebody who has signed in."""
        request = self.porchlight.http.build_request(
            "POST",
            "/graphql",
            files=[("operations", (None, json.dumps(body).encode())), ("map", (None, b"{}"))],
            headers={**RESULT, **PREFLIGHT, "Authorization": f"Bearer {self.person.access_token}"},
        )
        answer = await self.porchlight.http.send(request)
        return Answer(answer.status_code, answer.text, answer.headers)

    async def stream(self, body: Any) -> Answer:
        """A GraphQL request whose answers are events: the first of them, unless no stream was opened."""
        headers = {**JSON, "Accept": "text/event-stream"}
        answer = await self.http("POST", "/graphql/stream", headers, json.dumps(body))
        event = answer.text.partition("data: ")[2].partition("\n")[0]
        return replace(answer, text=event or answer.text)

    async def raw(self, request: bytes, *, within: float = 10.0) -> bytes:
        """What the server says to these bytes until it ends the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.porchlight.port)
        try:
            writer.write(request)
            async with asyncio.timeout(within):
                return await reader.read()
        finally:
            writer.close()

    async def wire(self, request: bytes) -> Answer:
        """The first answer to these bytes; status 0 for a connection that ends without a word."""
        said = await self.raw(request)
        head, _, body = said.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        if not line:
            return Answer(0, "", httpx.Headers({name.decode(): "" for name, _ in BARE}))
        headers = httpx.Headers([(name, value) for name, _, value in (field.partition(": ") for field in lines)])
        return Answer(int(line.split(" ")[1]), body.decode("latin-1"), headers)
