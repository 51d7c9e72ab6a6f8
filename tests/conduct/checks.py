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

LEFT_OPEN: dict[str, tuple[str, str]] = {
    "errors of parsing, validation and variables come with 200 and `data: null`": (
        "400 in GraphQL's media type, 200 in JSON, `data` in neither",
        "tests/test_graphql_http.py::test_statuses_follow_the_media_type",
    ),
    "`text/plain`, forms and utf-16 run": (
        "415, 400",
        "tests/test_graphql_http.py::test_bodies_are_json_in_utf8",
    ),
    "`null`, `1`, deep JSON and numbers of 5,000 digits end with 500": (
        "400",
        "tests/test_graphql_http.py::test_what_is_no_json_object_is_400",
    ),
    "bodies and headers without bound": (
        "413, 414, 431",
        "tests/test_graphql_http.py::test_addresses_and_headers_have_a_length",
    ),
    "a body that does not come": (
        "408 after 20 s",
        "tests/test_graphql_http.py::test_a_body_that_does_not_arrive_is_408",
    ),
    "no header of cache or sniffing": (
        "on every answer",
        "tests/test_graphql_http.py::test_nothing_is_kept_that_does_not_say_so",
    ),
    "`null`, numbers, arrays, binary, deep JSON as messages: 1006": (
        "4400",
        "tests/test_sockets.py::test_what_is_not_of_the_protocol_closes_with_its_code",
    ),
    "`subscribe` with a payload that is null or a text: 1006": (
        "`error` with its id",
        "tests/test_sockets.py::test_one_bad_operation_harms_no_other",
    ),
    "an id that is an object: 1006": (
        "4400",
        "tests/test_sockets.py::test_what_is_not_of_the_protocol_closes_with_its_code",
    ),
    "deep JSON, 5,000 digits in a payload: 1006": (
        "`error` with its id",
        "tests/test_socket_frames.py::test_a_payload_that_cannot_be_read_harms_its_own_operation",
    ),
    "a syntax error ends the socket and all else on it": (
        "`error` with its id",
        "tests/test_sockets.py::test_one_bad_operation_harms_no_other",
    ),
    "any token is acknowledged": (
        "4403",
        "tests/test_sockets.py::test_the_viewer_comes_with_init_or_with_the_handshake",
    ),
    "60 s for `connection_init`": ("10 s, then 4408", "tests/test_sockets.py::test_who_says_nothing_is_shut_out"),
    "no pings": ("each 45 s", "tests/test_socket_frames.py::test_peers_are_pinged_and_the_silent_cut_off"),
    "the legacy subprotocol": ("4406", "tests/test_sockets.py::test_other_subprotocols_are_refused"),
    "messages of 5 MB": ("256 KiB, then 1009", "tests/test_sockets.py::test_messages_have_a_length"),
    "messages and operations without number": (
        "a pace, 100 at once",
        "tests/test_socket_frames.py::test_messages_are_read_at_a_pace",
    ),
    "a slow reader": (
        "the newest value",
        "tests/test_countdown.py::test_a_reader_that_does_not_read_is_not_queued_for",
    ),
    "event streams take over urql's queries": (
        "an address of their own",
        "tests/conduct/test_conduct.py::test_streams_by_graphql_sse_urql_and_event_source",
    ),
    "CRLF, on which urql does not split": ("LF", "tests/test_stream.py::test_a_subscription_is_followed"),
    "multipart requests of other sites": (
        "a header that needs a preflight",
        "tests/test_uploads.py::test_other_sites_ask_first",
    ),
    "Apollo's persisted queries": (
        "`PersistedQueryNotSupported`, or the manifest",
        "tests/test_graphql_http.py::test_persisted_queries_are_told_to_be_unknown",
    ),
}
"""What Strawberry leaves open by itself: what is done here, and which test shows it."""
