"""What answers give away: the schema to who guesses, our insides to who breaks something, people to who asks."""

import base64
import re

from tests.probes.attacker import RESULT, Attacker

WORDS = [
    "user", "users", "usr", "account", "accounts", "email", "mail", "emial", "password", "pasword", "token",
    "tokens", "secret", "admin", "role", "roles", "trial", "trails", "plan", "plan_s", "billing", "bill", "invoice",
    "session", "sesions", "device", "devices", "mfa", "totp", "login", "logn", "register", "regster", "node",
    "nodes", "item", "items", "itemz", "recommendation", "recommendationz", "fraud", "flags", "audit", "export",
    "kpi", "kpis", "usage", "onboarding", "search",
]  # fmt: skip
"""As a list of words has them, and near to names of ours, so that whoever suggests would."""
SHAPES = (
    "{{ {word} }}",
    "{{ me {{ {word} }} }}",
    "{{ node({word}: 1) {{ id }} }}",
    "{{ node(id: 1) {{ ... on {word} {{ id }} }} }}",
    "mutation {{ {word} }}",
    "mutation {{ register(input: {{ {word}: 1 }}) {{ __typename }} }}",
    "subscription {{ {word} }}",
    "query($a: {word}) {{ __typename }}",
    "{{ items(kind: {word}) {{ edges {{ cursor }} }} }}",
    "{{ __typename @{word} }}",
)
"""Each place in which a word is taken for a name: field, argument, type, member of an input, value, directive."""


def encoded(text: str | bytes) -> str:
    """As ids and cursors are encoded."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


IDS = {
    "nothing": "",
    "no encoding": "!!!!",
    "half an encoding": "VXNlcjox=",
    "no text": encoded(b"\xff\xfe"),
    "no type": encoded("1"),
    "no number": encoded("User:x"),
    "a negative number": encoded("User:-1"),
    "a number beyond 64 bits": encoded(f"User:{2**70}"),
    "5,000 digits": encoded("User:" + "9" * 5_000),
    "digits of another script": encoded("User:١"),
    "a query": encoded("User:1 OR 1=1"),
    "a type of Python": encoded("__class__:1"),
    "a type that is no node": encoded("Query:1"),
    "a zero": encoded("User:1\0"),
    "somebody else": encoded("User:2"),
    "levels": encoded("[" * 5_000),
}
HIDDEN = {
    "an editor": ("/graphql", {"Accept": "text/html"}),
    "an editor's scripts": ("/static/graphiql/graphiql-ABCDEF12.js", {}),
    "another editor": ("/graphiql", {}),
    "a playground": ("/playground", {}),
    "an altar": ("/altair", {}),
    "a console": ("/console", {}),
    "letters": ("/dev/outbox", {}),
    "a letter": ("/dev/outbox/1.eml", {}),
    "a description of REST": ("/openapi.json", {}),
    "a description of GraphQL": ("/schema.graphql", {}),
    "settings": ("/.env", {}),
    "the repository": ("/.git/config", {}),
    "the program": ("/server.py", {}),
    "the database": ("/var/porchlight.sqlite3", {}),
    "payments' own pages": ("/simulated-stripe/checkout/cs_1", {}),
    "payments' own API": ("/simulated-stripe/v1/customers", {}),
    "a profiler": ("/debug/pprof/", {}),
    "an actuator": ("/actuator/env", {}),
}


async def test_the_schema_is_not_told_by_guesses(attacker: Attacker) -> None:
    """Ten shapes of guesses with fifty words: no suggestion, no quotation of a name that was not sent, no fault."""
    found = []
    for word in WORDS:
        for shape in SHAPES:
            document = shape.format(word=word)
            answer = await attacker.post({"query": document})
            if re.search(r"did you mean|perhaps|similar|suggest", answer.text, re.IGNORECASE) or answer.faults():
                found.append((document, answer.text))
    assert found == []


async def test_no_id_and_no_cursor_tells_how_it_is_read(attacker: Attacker) -> None:
    """What is malformed, foreign or not there is the same nothing; a cursor of nonsense is said to be wrong."""
    token = {"Authorization": f"Bearer {attacker.person.access_token}"}
    node = "query($id: ID!) { node(id: $id) { id } }"
    pages = "query($id: String) { me { sessions(first: 1, after: $id) { edges { cursor } } } }"
    nodes, cursors = {}, {}
    for name, given in IDS.items():
        answer = await attacker.post({"query": node, "variables": {"id": given}}, **token)
        nodes[name] = (answer.content, answer.faults())
        answer = await attacker.post({"query": pages, "variables": {"id": given}}, **token)
        cursors[name] = (answer.codes, answer.faults())
    assert nodes == dict.fromkeys(IDS, ({"data": {"node": None}}, []))
    assert cursors == dict.fromkeys(IDS, (["BAD_USER_INPUT"], []))


async def test_nothing_of_development_is_served(attacker: Attacker) -> None:
    """No editor, no letters, no description, no file of ours, no tool: 404, or what `/graphql` says to everybody."""
    found = {}
    for name, (path, headers) in HIDDEN.items():
        answer = await attacker.http("GET", path, headers)
        found[name] = " ".join([answer.told, *answer.faults()])
    expected = dict.fromkeys(HIDDEN, "404 NOT_FOUND") | {"an editor": "406 BAD_USER_INPUT"}
    assert found == expected


async def test_nothing_is_told_beside_the_answer(attacker: Attacker) -> None:
    """Wishes for traces, costs and debugging bring nothing along; unknown members neither."""
    wishes = {"extensions": {"tracing": True, "cost": True, "debug": True}, "debug": True, "trace": True}
    wanted = {"X-Apollo-Tracing": "1", "Apollo-Federation-Include-Trace": "ftv1", "X-Debug": "1", "GraphQL-Cost": "1"}
    answer = await attacker.post({"query": "{ __typename }", **wishes}, **wanted)
    assert (answer.content, answer.faults()) == ({"data": {"__typename": "Query"}}, [])
    names = set(answer.headers) - {"date", "content-length", "content-type", "cache-control", "vary", "x-request-id"}
    assert names == {
        "content-security-policy", "cross-origin-resource-policy", "referrer-policy", "strict-transport-security",
        "x-content-type-options", "x-frame-options",
    }  # fmt: skip


async def test_who_has_an_account_is_not_told(attacker: Attacker) -> None:
    """A letter for a new password is promised for every address; to sign in, both are wrong together."""
    reset = "mutation($email: String!) { requestPasswordReset(email: $email) }"
    login = 'mutation($email: String!) { login(input: {email: $email, password: "x"}) { __typename } }'
    told = {
        email: [
            (await attacker.http("POST", "/graphql", {**RESULT, "Content-Type": "application/json"}, body)).text
            for body in (
                f'{{"query": {quoted(reset)}, "variables": {{"email": "{email}"}}}}',
                f'{{"query": {quoted(login)}, "variables": {{"email": "{email}"}}}}',
            )
        ]
        for email in (attacker.person.email, "nobody@example.com")
    }
    assert told[attacker.person.email] == told["nobody@example.com"]
    assert "InvalidCredentials" in told[attacker.person.email][1]


def quoted(text: str) -> str:
    """A text in JSON."""
    return '"' + text.replace('"', '\\"') + '"'
