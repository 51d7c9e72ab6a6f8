"""Events that go straight to who takes them: which ones, in which order, and what becomes of the source."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest
import strawberry
from strawberry.extensions import SchemaExtension

from engine.events import EventExecutor

CLOSED: list[str] = []


async def letters_of(text: str) -> AsyncGenerator[str, None]:
    for letter in text:
        await asyncio.sleep(0)
        yield letter


@strawberry.type
class Event:
    """What happens."""

    text: str
    number: int | None = None

    @strawberry.field
    def parts(self) -> list[str]:
        letters: Any = letters_of(self.text)
        return letters  # type: ignore[no-any-return]


@strawberry.type
class Query:
    """Nothing that is asked for here."""

    nothing: str = ""


@strawberry.type
class Subscription:
    """What is followed."""

    @strawberry.subscription
    async def events(self, texts: list[str]) -> AsyncGenerator[Event, None]:
        try:
            for number, text in enumerate(texts):
                yield Event(text=text, number=number)
        finally:
            CLOSED.append("events")

    @strawberry.subscription
    async def numbers(self) -> AsyncGenerator[int, None]:
        yield 1

    @strawberry.subscription
    async def chosen(self, which: list[bool]) -> AsyncGenerator[Event, None]:
        for number, each in enumerate(which):
            if each:
                yield Event(text="chosen", number=number)


@dataclass
class Listener:
    """Takes events; the first of them comes as a result, unless it is `eager`."""

    eager: bool = True
    heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deliver: Any = self.hear if self.eager else None

    def hear(self, data: bytes) -> Any:
        """At once, or later for every second one."""
        if len(self.heard) % 2 == 0:
            self.heard.append(data.decode())
            return None
        return self._later(data)

    async def _later(self, data: bytes) -> None:
        await asyncio.sleep(0)
        self.heard.append(data.decode())


class Watches(SchemaExtension):
    """Looks at each field."""

    def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        return _next(root, info, *args, **kwargs)


def schema_of(*extensions: type[SchemaExtension]) -> strawberry.Schema:
    return strawberry.Schema(
        Query, subscription=Subscription, extensions=extensions, execution_context_class=EventExecutor
    )


async def left(document: str, listener: Any, *texts: str, schema: strawberry.Schema | None = None) -> list[Any]:
    """The results that come as results: data, or messages of errors."""
    stream = await (schema or schema_of()).subscribe(
        document, variable_values={"texts": list(texts)}, context_value=listener
    )
    return [result.data if not result.errors else result.errors[0].message async for result in stream]


async def test_plain_events_are_delivered_in_their_order() -> None:
    """All of them, also where delivering takes its time; the source comes to its end."""
    listener = Listener()
    CLOSED.clear()
    assert await left("subscription($texts: [String!]!) { events(texts: $texts) { text } }", listener, *"abc") == []
    assert listener.heard == [f'{{"events":{{"text":"{letter}"}}}}' for letter in "abc"]
    assert CLOSED == ["events"]


async def test_what_is_not_plain_or_has_no_taker_is_a_result() -> None:
    """A text that JSON cannot hold, a list that is made as it goes, a scalar, no listener, fields that are watched."""
    plain = "subscription($texts: [String!]!) { events(texts: $texts) { n: number text } }"
    listener = Listener()
    assert await left(plain, listener, "a", "\ud800", "b") == [{"events": {"n": 1, "text": "\ud800"}}]
    assert listener.heard == ['{"events":{"n":0,"text":"a"}}', '{"events":{"n":2,"text":"b"}}']
    parts = "subscription($texts: [String!]!) { events(texts: $texts) { parts } }"
    expected = [{"events": {"parts": list(text)}} for text in ("ab", "cd", "ef")]
    assert await left(parts, Listener(), "ab", "cd", "ef") == expected
    assert await left("subscription { numbers }", Listener()) == [{"numbers": 1}]
    data = [{"events": {"n": 0, "text": "a"}}]
    assert await left(plain, object(), "a") == data
    assert await left(plain, Listener(eager=False), "a") == data
    assert await left(plain, Listener(), "a", schema=schema_of(Watches)) == data


async def test_a_list_of_booleans_is_no_condition() -> None:
    """It is a variable like others; a Boolean is one that tells documents apart."""
    document = """subscription($which: [Boolean!]!, $more: Boolean! = true) {
        chosen(which: $which) { number text @include(if: $more) }
    }"""
    schema = schema_of()
    for more, text in ((False, ""), (True, ',"text":"chosen"'), (False, "")):
        listener = Listener()
        given = {"which": [False, True, True], "more": more}
        stream = await schema.subscribe(document, variable_values=given, context_value=listener)
        assert [result async for result in stream] == []
        assert listener.heard == [f'{{"chosen":{{"number":{number}{text}}}}}' for number in (1, 2)]


async def test_what_cannot_be_known_of_a_subscription_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its events are executed by graphql-core, one after the other."""
    monkeypatch.setattr("engine.events._conditions", lambda _: [[]])
    for eager in (True, False):
        results = await left('subscription { events(texts: ["a", "b"]) { text } }', Listener(eager=eager))
        assert results == [{"events": {"text": letter}} for letter in "ab"]


async def test_who_leaves_closes_the_source() -> None:
    """Between two events that were left to execution."""
    CLOSED.clear()
    stream = await schema_of().subscribe(
        'subscription { events(texts: ["ab", "cd"]) { text } }', context_value=Listener(eager=False)
    )
    assert (await anext(aiter(stream))).data == {"events": {"text": "ab"}}
    await stream.aclose()
    assert CLOSED == ["events"]
