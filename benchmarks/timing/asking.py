"""Asking about known and unknown addresses in turn, in an order that chance decides, over one connection."""

import random
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import orjson

from benchmarks.operations import REGISTER, credentials
from benchmarks.processes import Process
from benchmarks.timing.operations import Operation
from benchmarks.timing.separation import Times

PEOPLE = 100
WARMING = 200
"""Requests before the first that is measured: imports, caches, connections."""


@dataclass(frozen=True)
class Asked:
    """Milliseconds of each answer."""

    known: Times = field(default_factory=list)
    unknown: Times = field(default_factory=list)


def newcomers() -> list[str]:
    """Addresses that differ in nothing but chance."""
    return [f"{secrets.token_hex(8)}@example.com" for _ in range(PEOPLE)]


def register(server: Process, emails: list[str]) -> None:
    """Make accounts."""
    with _connection(server) as connection:
        for email in emails:
            answer, _ = _timed(connection, REGISTER, credentials(email))
            if "RegisterSuccess" not in answer:
                raise RuntimeError(answer)


def ask(server: Process, operation: Operation, known: list[str], tries: int) -> Asked:
    """Ask `tries` times about known addresses and as often about unknown ones."""
    unknown, asked = newcomers(), Asked()
    chance = random.SystemRandom()
    order = [True, False] * tries
    chance.shuffle(order)
    with _connection(server) as connection:
        for number, is_known in enumerate([*order[:WARMING], *order]):
            email = chance.choice(known if is_known else unknown)
            answer, milliseconds = _timed(connection, operation.query, operation.variables(email))
            if operation.expected not in answer:
                raise RuntimeError(answer)
            if number >= min(WARMING, len(order)):
                (asked.known if is_known else asked.unknown).append(milliseconds)
    return asked


@contextmanager
def _connection(server: Process) -> Generator[HTTPConnection]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        yield connection
    finally:
        connection.close()


def _timed(connection: HTTPConnection, query: str, variables: dict[str, Any]) -> tuple[str, float]:
    body = orjson.dumps({"query": query, "variables": variables})
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    began = time.perf_counter()
    connection.request("POST", "/graphql", body, headers)
    answer = connection.getresponse().read()
    return answer.decode(), (time.perf_counter() - began) * 1e3
