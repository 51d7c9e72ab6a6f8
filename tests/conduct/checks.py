"""What each public suite and client has to find: the figures of docs/conformance.md are counted here."""

from typing import Any

AUDITS = {"MUST": 13, "SHOULD": 23, "MAY": 25}
"""Audits of graphql-http by how binding they are."""

QUERY = {"next": [{"data": {"__typename": "Query"}}], "complete": True}
MUTATION = {"kinds": ["User"], "complete": True}
BAD = [["GRAPHQL_PARSE_FAILED"], ["GRAPHQL_VALIDATION_FAILED"], ["BAD_USER_INPUT"]]

SOCKETS: dict[str, Any] = {
    "a query has one answer and an end": QUERY,
    "a mutation has one answer and an end": MUTATION,
    "a subscription is followed until the client leaves": {"counts": True, "number": 3, "complete": True},
    "many operations share one socket, and a bad one harms none": {"bad": BAD, "good": [5] * 5, "sockets": 1},
    "who is not signed in is told in the operation": ["UNAUTHENTICATED"],
    "iterating ends when the client returns": {"first": "number", "after": {"done": True}},
    "a token that is none closes the socket": {"code": 4403, "reason": "Forbidden"},
    "pings of the client are answered": {"received": True},
    "the end of the session closes the socket for good": {
        "code": 4401, "reason": "The session has ended", "connections": 1, "others": 20
    },
    "a connection that is cut is made anew": {"connections": 2, "number": 6, "complete": True},
    "the legacy subprotocol is refused": "Server sent no subprotocol",
}  # fmt: skip
"""What the client of graphql-ws sees."""

EVENTS = "text/event-stream; charset=utf-8"
RESULT = "application/graphql-response+json"
FOLLOWED = {"counts": True, "number": 3}

STREAMS: dict[str, Any] = {
    "graphql-sse: a query has one answer and an end": QUERY,
    "graphql-sse: a mutation has one answer and an end": MUTATION,
    "graphql-sse: a subscription is followed until the client leaves": FOLLOWED,
    "graphql-sse: what is wrong with the operation is an answer, and the end": [
        {"codes": [[code]], "complete": True}
        for code in ("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "UNAUTHENTICATED")
    ],
    "graphql-sse: a token that is none has its status": {"network": True, "status": 401},
    "graphql-sse: the end of the session is the end": {
        "codes": ["UNAUTHENTICATED"], "complete": True, "connections": 1
    },
    "urql: a subscription is followed until the client leaves": {**FOLLOWED, "errors": False, "types": [EVENTS]},
    "urql: queries and mutations stay JSON": {"email": "1@example.com", "kind": "User", "types": [RESULT, RESULT]},
    "urql: what is wrong with the operation is an error": ["UNAUTHENTICATED"],
    "EventSource: events and the end have their names": {
        "counted": True, "codes": ["UNAUTHENTICATED"], "opened": 1, "messages": 0, "id": "", "end": ""
    },
}  # fmt: skip
"""What the clients of graphql-sse and urql see, and EventSource as browsers have it."""
