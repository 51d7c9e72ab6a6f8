"""What is sent instead of a request: bodies, values, heads, over each address that takes something."""

import json
from typing import Any

from tests.porchlight import PASSWORD, REGISTER
from tests.probes.attacker import FORM, JSON, RESULT, Answer, Attacker

DEEP = "[" * 100_000 + "]" * 100_000
DEEP_OBJECT = '{"a":' * 100_000 + "1" + "}" * 100_000
WRONG, LARGE, MEDIA = "400 BAD_USER_INPUT", "413 BAD_USER_INPUT", "415 BAD_USER_INPUT"
VARIABLE = '{"query": "query($a: ID!) { node(id: $a) { id } }", "variables": {"a": %s}}'

BODIES: dict[str, tuple[str | bytes, dict[str, str], str]] = {
    "nothing": ("", {}, WRONG),
    "null": ("null", {}, WRONG),
    "a number": ("1", {}, WRONG),
    "a text": ('"{ __typename }"', {}, WRONG),
    "a truth": ("true", {}, WRONG),
    "a batch": ('[{"query": "{ __typename }"}]', {}, WRONG),
    "a batch of thousands": ("[" + ",".join(['{"query":"{a}"}'] * 9_000) + "]", {}, WRONG),
    "100,000 levels of lists": (DEEP, {}, WRONG),
    "100,000 levels of objects": (DEEP_OBJECT, {}, WRONG),
    "100,000 levels among the variables": (VARIABLE % DEEP, {}, WRONG),
    "1,000 levels among the variables": (VARIABLE % ("[" * 1_000 + "]" * 1_000), {}, "400 QUERY_TOO_COMPLEX"),
    "100,000 levels beside the query": ('{"query": "{ __typename }", "x": ' + DEEP + "}", {}, WRONG),
    "a list of 10,000": (VARIABLE % ("[" + "0," * 10_000 + "0]"), {}, "400 QUERY_TOO_COMPLEX"),
    "an object of 10,000": (
        VARIABLE % json.dumps({f"m{number}": 1 for number in range(10_000)}), {}, "400 QUERY_TOO_COMPLEX"
    ),
    "a name of 900 kB": (VARIABLE % json.dumps({"x" * 900_000: 1}), {}, WRONG),
    "a number of 5,000 digits": (VARIABLE % ("9" * 5_000), {}, "400 BAD_USER_INPUT"),
    "a number beyond numbers": (VARIABLE % "1e999999", {}, WRONG),
    "a number beyond 64 bits": (VARIABLE % 2**64, {}, "200"),
    "not a number": (VARIABLE % "NaN", {}, WRONG),
    "half a surrogate": ('{"query": "{ node(id: \\"\\ud800\\") { id } }"}', {}, WRONG),
    "no UTF-8": (b'{"query": "\xff\xfe"}', {}, WRONG),
    "UTF-16": ('{"query": "{ __typename }"}'.encode("utf-16"), {}, WRONG),
    "UTF-16 that says so": (
        '{"query": "{ __typename }"}'.encode("utf-16"), {"Content-Type": "application/json; charset=utf-16"}, MEDIA
    ),
    "UTF-7": ("+AHsAIg-", {"Content-Type": "application/json; charset=utf-7"}, MEDIA),
    "a zero": (b'{"query": "{ __typename }"}\0', {}, WRONG),
    "two documents": ('{"query": "{ __typename }"}{"query": "{ __typename }"}', {}, WRONG),
    "a comment": ('{"query": "{ __typename }" /* x */}', {}, WRONG),
    "a compressed body": (b"\x1f\x8b\x08\0\0\0\0\0\0\0", {"Content-Encoding": "gzip"}, MEDIA),
    "a body of an unknown code": (b"x", {"Content-Encoding": "br"}, MEDIA),
    "1 MiB and a byte": ('{"query": "' + "x" * 1_048_566 + '"}', {}, LARGE),
    "10 MB": ('{"query": "' + "x" * 10_000_000 + '"}', {}, LARGE),
    "a query that is a number": ('{"query": 1}', {}, WRONG),
    "a query that is a list": ('{"query": ["{ __typename }"]}', {}, WRONG),
    "variables that are a text": ('{"query": "{ __typename }", "variables": "{}"}', {}, WRONG),
    "a name that is an object": ('{"query": "{ __typename }", "operationName": {}}', {}, WRONG),
    "extensions that are a list": ('{"query": "{ __typename }", "extensions": []}', {}, WRONG),
    "a hash that is an object": (
        '{"query": "{ __typename }", "extensions": {"persistedQuery": {"sha256Hash": {}}}}', {}, WRONG
    ),
    "another's hash": (
        '{"query": "{ __typename }", "extensions": {"persistedQuery": {"sha256Hash": "%s"}}}' % ("a" * 64), {}, WRONG
    ),
    "a hash alone": (
        '{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "../../etc/passwd"}}}',
        {},
        "200 PERSISTED_QUERY_NOT_SUPPORTED",
    ),
    "an id of a document": ('{"documentId": "../../etc/passwd"}', {}, "200 PERSISTED_QUERY_NOT_SUPPORTED"),
    "nothing that may be answered": ('{"query": "{ __typename }"}', {"Accept": "image/png"}, "406 BAD_USER_INPUT"),
    "10,000 media types": ('{"query": "{ __typename }"}', {"Accept": "a/b," * 10_000}, "406 BAD_USER_INPUT"),
}  # fmt: skip

REST: dict[str, tuple[str, str, dict[str, str], str | bytes, str]] = {
    "nothing": ("POST", "/auth/register", JSON, "", WRONG),
    "null": ("POST", "/auth/register", JSON, "null", WRONG),
    "levels": ("POST", "/auth/register", JSON, DEEP, WRONG),
    "levels in a member": ("POST", "/auth/register", JSON, '{"email": %s}' % ("[" * 900 + "]" * 900), "422 QUERY"),
    "a member of one's own": ("POST", "/auth/register", JSON, '{"role": "ADMIN"}', "422 BAD_USER_INPUT"),
    "a device of one's own": ("POST", "/auth/register", JSON, '{"device_info": []}', "422 BAD_USER_INPUT"),
    "numbers": ("POST", "/auth/register", JSON, '{"email": 1, "password": 2}', "422 BAD_USER_INPUT"),
    "a large body": ("POST", "/auth/register", JSON, "x" * 1_048_577, LARGE),
    "a form": ("POST", "/auth/register", FORM, "email=a", MEDIA),
    "an event unsigned": ("POST", "/webhooks/stripe", JSON, "{}", WRONG),
    "an event signed by nobody": (
        "POST", "/webhooks/stripe", {"Stripe-Signature": "t=1,v1=" + "a" * 64}, "{}", WRONG
    ),
    "an event with a signature of nonsense": (
        "POST", "/webhooks/stripe", {"Stripe-Signature": "t=" + "9" * 5_000 + ""}, DEEP, WRONG
    ),
    "a large event": ("POST", "/webhooks/stripe", {}, "x" * 262_145, LARGE),
    "a report without a secret": ("POST", "/webhooks/mail", {}, "x", "401 UNAUTHENTICATED"),
    "a report with another's": ("POST", "/webhooks/mail", {"Authorization": "Bearer x"}, "x", "401 UNAUTHENTICATED"),
    "a form of JSON": ("POST", "/links/reset-password", JSON, "{}", MEDIA),
    "a form of 1,000 members": ("POST", "/links/reset-password", FORM, "a=b&" * 1_000, WRONG),
    "a form in no letters": ("POST", "/links/reset-password", FORM, b"token=\xff", WRONG),
    "a large form": ("POST", "/links/unsubscribe", FORM, "x" * 8_193, LARGE),
    "a link to nothing": ("GET", "/links/%2e%2e%2f%2e%2e%2fetc", {}, "", "404 NOT_FOUND"),
    "a token of nonsense": ("GET", "/exports/%00%ff%0d%0aSet-Cookie:a", {}, "", "404 NOT_FOUND"),
    "a token of 30 kB": ("GET", "/exports/" + "x" * 30_000, {}, "", "404 NOT_FOUND"),
    "a path upwards": ("GET", "/static/graphiql/..%2f..%2fserver.py", {}, "", "404 NOT_FOUND"),
    "an address of 33 kB": ("GET", "/" + "x" * 33_000, {}, "", "414 BAD_USER_INPUT"),
    "another method": ("TRACE", "/graphql", {}, "", "405 BAD_USER_INPUT"),
    "a method of one's own": ("DELETE", "/auth/register", {}, "", "405 BAD_USER_INPUT"),
    "a header of 100 kB": ("GET", "/healthz", {"x-large": "x" * 100_000}, "", "431 BAD_USER_INPUT"),
    "300 headers": ("GET", "/healthz", {f"x-{number}": "x" for number in range(300)}, "", "431 BAD_USER_INPUT"),
}  # fmt: skip

HEADS: dict[str, tuple[bytes, int]] = {
    "no HTTP": (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 400),
    "a version of one's own": (b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
    "two lengths": (b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", 400),
    "a length and chunks": (
        b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400
    ),
    "chunks of chunks": (b"POST /graphql HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "a chunk without end": (
        b"POST /graphql HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400
    ),
    "a folded header": (b"GET /healthz HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n", 400),
    "a space before the colon": (b"GET /healthz HTTP/1.1\r\nhost : a\r\n\r\n", 400),
    "a zero in a header": (b"GET /healthz HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n", 400),
    "a line break in the address": (b"GET /a\nx: b HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a chunk that ends in a line feed": (
        b"POST /graphql HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\na\n0\n\n", 400
    ),
    "a chunk with a lone carriage return": (
        b"POST /graphql HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;\rx\r\na\r\n0\r\n\r\n", 400
    ),
    "a negative length": (b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", 400),
    "the version of 1991": (b"GET /healthz\r\nhost: a\r\n\r\n", 400),
    "a tunnel": (b"CONNECT example.com:443 HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a foreign address": (b"GET http://example.com/healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 200),
    "all of it": (b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 404),
}  # fmt: skip

INPUTS: dict[str, tuple[Any, str]] = {
    "an address of 10,000": ({"email": "a" * 10_000 + "@example.com", "password": PASSWORD}, "InvalidEmail"),
    "an address with a line": ({"email": "a@example.com\r\nBcc: b@example.com", "password": PASSWORD}, "InvalidEmail"),
    "an address with a zero": ({"email": "a\0@example.com", "password": PASSWORD}, "InvalidEmail"),
    "an address that is a query": ({"email": "' OR 1=1 --@example.com", "password": PASSWORD}, "InvalidEmail"),
    "a password of 100,000": ({"email": "a@example.com", "password": "x" * 100_000}, "InvalidPassword"),
    "a password with a zero": ({"email": "a@example.com", "password": "\0" * 12}, "InvalidPassword"),
}


def all_right(found: dict[str, str], wanted: dict[str, str]) -> None:
    """Compare what differs, so that a failure says which probes fail."""
    assert {name: told for name, told in found.items() if told != wanted[name]} == {}


def told(answer: Answer) -> str:
    return " ".join([answer.told, *answer.faults()])


async def test_no_body_is_believed(attacker: Attacker) -> None:
    """To `/graphql`: each is refused with its status and a code, and none takes the server with it."""
    found = {
        name: told(await attacker.http("POST", "/graphql", {**RESULT, **JSON, **headers}, body))
        for name, (body, headers, _) in BODIES.items()
    }
    all_right(found, {name: wanted for name, (_, _, wanted) in BODIES.items()})


async def test_no_other_door_is_weaker(attacker: Attacker) -> None:
    """Registration, webhooks, links, downloads, and addresses that are none."""
    found = {
        name: told(await attacker.http(method, path, headers, body))
        for name, (method, path, headers, body, _) in REST.items()
    }
    all_right(found, {name: wanted.replace("QUERY", "BAD_USER_INPUT") for name, (*_, wanted) in REST.items()})


async def test_no_head_is_ambiguous(attacker: Attacker) -> None:
    """What two servers could read in two ways is refused, by a problem document as everything is."""
    found = {}
    for name, (head, _) in HEADS.items():
        answer = await attacker.wire(head)
        found[name] = " ".join([str(answer.status), *answer.faults()])
    all_right(found, {name: str(status) for name, (_, status) in HEADS.items()})


async def test_no_value_reaches_what_it_is_not_for(attacker: Attacker) -> None:
    """Values of the right type: each is refused as data, and so is what is sent instead of an input."""
    found = {}
    for name, (given, _) in INPUTS.items():
        answer = await attacker.post({"query": REGISTER, "variables": {"input": given}}, **{"X-Forwarded-For": name})
        found[name] = " ".join([(answer.content["data"] or {})["register"]["__typename"], *answer.faults()])
    all_right(found, {name: wanted for name, (_, wanted) in INPUTS.items()})
    assert json.loads((await attacker.post({"query": "{ me { id } }"})).text) == {"data": {"me": None}}
