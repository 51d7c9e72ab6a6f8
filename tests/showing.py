"""Showing images to a server under test, as clients do."""

import json
from typing import Any

import httpx

from tests.porchlight import Person, Porchlight

PREFLIGHT = {"GraphQL-Require-Preflight": "1"}
ANALYZE = """
mutation($image: Upload!, $caption: String) { analyzeImage(image: $image, caption: $caption) {
  __typename
  ... on Error { message }
  ... on UsageLimitReached { meter { used remaining } }
  ... on AnalyzeImageSuccess { analysis {
    caption model confidence topics { topic weight source }
    items(first: 5) { strategy edges { reason node { category } } }
  } }
} }
"""


async def send(
    porchlight: Porchlight,
    files: list[tuple[str, tuple[str | None, bytes]]],
    *,
    person: Person | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """One multipart request."""
    told = dict(PREFLIGHT if headers is None else headers)
    if person:
        told["Authorization"] = f"Bearer {person.access_token}"
    return await porchlight.http.post("/graphql", files=files, headers=told)


def parts(operations: Any, places: Any, **files: bytes) -> list[tuple[str, tuple[str | None, bytes]]]:
    """The parts of a request in the order of the specification."""
    return [
        ("operations", (None, json.dumps(operations).encode())),
        ("map", (None, json.dumps(places).encode())),
        *((name, ("picture.jpg", content)) for name, content in files.items()),
    ]


async def show(porchlight: Porchlight, person: Person, image: bytes, caption: str | None = None) -> dict[str, Any]:
    """What `analyzeImage` answers."""
    operation = {"query": ANALYZE, "variables": {"image": None, "caption": caption}}
    answer = await send(porchlight, parts(operation, {"0": ["variables.image"]}, **{"0": image}), person=person)
    told = answer.json()
    assert answer.status_code == 200, told
    assert "errors" not in told, told
    found: dict[str, Any] = told["data"]["analyzeImage"]
    return found
