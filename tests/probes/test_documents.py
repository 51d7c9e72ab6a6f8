"""Documents against the limits, each over every transport that takes one."""

import time
from collections.abc import Awaitable, Callable

from tests.probes.attacker import Answer, Attacker
from tests.probes.documents import DOCUMENTS

SLOWEST = 0.4
"""Seconds of the processor that one of them may take, its sending, its answer and everything beside it included."""


async def _timed(send: Callable[[str], Awaitable[Answer]], document: str) -> tuple[Answer, float]:
    """The answer to a document, and the seconds of the processor until it was there."""
    begun = time.thread_time()
    answer = await send(document)
    return answer, time.thread_time() - begun


async def _over(send: Callable[[str], Awaitable[Answer]], documents: dict[str, str]) -> dict[str, str]:
    """The codes that each document is answered with; what an answer is beside that, if anything."""
    found = {}
    for name, document in documents.items():
        answer, spent = await _timed(send, document)
        if (
            spent > SLOWEST
        ):  # what else the loop did then is not its fault; another letter, so that nothing is remembered
            spent = min(spent, (await _timed(send, document + " "))[1])
        faults = [*answer.faults(), *([f"{spent:.1f} s"] if spent > SLOWEST else [])]
        found[name] = " ".join([*sorted(set(answer.codes)), *faults])
    return found


async def test_no_document_costs_much(attacker: Attacker) -> None:
    """Each is refused by POST, by GET as far as an address goes, in parts, in a stream: soon, by its code, no more."""
    texts = {name: document for name, (document, _) in DOCUMENTS.items()}
    codes = {name: code for name, (_, code) in DOCUMENTS.items()}

    async def by_post(document: str) -> Answer:
        return await attacker.post({"query": document})

    async def by_get(document: str) -> Answer:
        return await attacker.get(query=document)

    async def in_parts(document: str) -> Answer:
        return await attacker.multipart({"query": document})

    async def in_a_stream(document: str) -> Answer:
        return await attacker.stream({"query": document})

    found = {send.__name__: await _over(send, texts) for send in (by_post, in_parts, by_get, in_a_stream)}
    assert found["by_post"] == codes
    assert found["in_parts"] == codes
    assert found["by_get"] == codes
    assert found["in_a_stream"] == codes


async def test_no_document_harms_a_socket(attacker: Attacker) -> None:
    """Over one socket, which goes on serving: the same codes, one operation after the other."""
    found = {}
    async with attacker.porchlight.connect() as connection:
        for name, (document, _) in DOCUMENTS.items():
            await connection.subscribe(document, name)
            message = await connection.receive()
            if message["type"] == "next":
                assert await connection.receive() == {"id": name, "type": "complete"}
            errors = message["payload"] if message["type"] == "error" else []
            found[name] = " ".join(sorted({error["extensions"]["code"] for error in errors}))
        await connection.subscribe("{ __typename }")
        assert await connection.next() == {"data": {"__typename": "Query"}}
    assert found == {name: code for name, (_, code) in DOCUMENTS.items()}
