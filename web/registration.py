"""`POST /auth/register`: the REST contract, asking the same mutation that GraphQL clients ask.

So the same guards count, the same service decides and the same errors are told.
"""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from schema.context import Context
from web.answers import json_answer, problem
from web.client import client_of
from web.graphql import QUERIES_AND_MUTATIONS
from web.requests import BadRequestError, read_json_object
from web.runtime import Operation, Runtime

REGISTER = """
mutation Register($input: RegisterInput!) {
  register(input: $input) {
    __typename
    ... on Error { message }
    ... on InvalidPassword { reasons }
    ... on FraudSuspected { reasons appealToken }
    ... on ChallengeRequired { kind parameters }
    ... on RegisterSuccess {
      user { databaseId }
      trial { status plan { key } startedAt endsAt secondsLeft }
      tokens { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt tokenType }
      deviceToken
    }
  }
}
"""
DEVICE = {"device_token": "deviceToken"} | {
    name: name for name in ("fingerprint", "name", "platform", "locale", "timezone")
}
OPTIONAL = {
    "challenge_answer": "challengeAnswer",
    "payment_method": "paymentMethod",
    "form_seconds": "formSeconds",
}
STATUS_OF_REFUSAL = {
    "ChallengeRequired": HTTPStatus.FORBIDDEN,
    "EmailTaken": HTTPStatus.CONFLICT,
    "FraudSuspected": HTTPStatus.FORBIDDEN,
    "InvalidEmail": HTTPStatus.UNPROCESSABLE_ENTITY,
    "InvalidPassword": HTTPStatus.UNPROCESSABLE_ENTITY,
}
STATUS_OF_CODE = {
    "RATE_LIMITED": HTTPStatus.TOO_MANY_REQUESTS,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "BAD_USER_INPUT": HTTPStatus.UNPROCESSABLE_ENTITY,
    "QUERY_TOO_COMPLEX": HTTPStatus.UNPROCESSABLE_ENTITY,
}
PROBLEM_CODES = {"RATE_LIMITED": "RateLimited", "QUERY_TOO_COMPLEX": "BAD_USER_INPUT"}


class RegistrationEndpoint:
    """Registers over REST."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        try:
            variables = {"input": _input(await read_json_object(request))}
        except BadRequestError as error:
            return problem(error.status, error.code, str(error))
        app = self._runtime.app
        answer = await self._runtime.execute(
            Operation(REGISTER, variables, "Register"),
            Context(app=app, client=client_of(request, app.settings.trusted_proxies)),
            allowed=QUERIES_AND_MUTATIONS,
            transport="rest",
        )
        if answer.codes:
            return _fault(answer.content["errors"][0])
        return _result(answer.content["data"]["register"], described="device" in variables["input"])


def _input(members: dict[str, Any]) -> dict[str, Any]:
    """The mutation's input from the contract's members. Raises BadRequestError for one that it does not know."""
    unknown = members.keys() - {"email", "password", "device_info", *OPTIONAL}
    device = members.get("device_info")
    if device is not None and not isinstance(device, dict):
        raise BadRequestError(HTTPStatus.UNPROCESSABLE_ENTITY, "device_info is not an object.")
    unknown |= (device or {}).keys() - DEVICE.keys()
    if unknown:
        raise BadRequestError(HTTPStatus.UNPROCESSABLE_ENTITY, f"Unknown: {', '.join(sorted(unknown))[:200]}.")
    given: dict[str, Any] = {name: members[name] for name in ("email", "password") if name in members}
    given |= {OPTIONAL[name]: members[name] for name in OPTIONAL if members.get(name) is not None}
    if device is not None:
        given["device"] = {DEVICE[name]: value for name, value in device.items()}
    return given


def _fault(error: dict[str, Any]) -> Response:
    extensions = dict(error["extensions"])
    code = str(extensions.pop("code"))
    status = STATUS_OF_CODE.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    return problem(status, PROBLEM_CODES.get(code, code), error["message"], **extensions)


def _result(result: dict[str, Any], *, described: bool) -> Response:
    """The contract's members; whoever described a device is told its token too."""
    kind = result["__typename"]
    if kind != "RegisterSuccess":
        more = {name: result[name] for name in ("reasons", "kind", "parameters", "appealToken") if name in result}
        return problem(STATUS_OF_REFUSAL[kind], kind, result["message"], **more)
    tokens, trial = result["tokens"], result["trial"]
    content = {
        "user_id": result["user"]["databaseId"],
        "trial_info": _trial_info(trial) if trial else None,
        "tokens": {
            "access_token": tokens["accessToken"],
            "access_token_expires_at": tokens["accessTokenExpiresAt"],
            "refresh_token": tokens["refreshToken"],
            "refresh_token_expires_at": tokens["refreshTokenExpiresAt"],
            "token_type": tokens["tokenType"],
        },
    }
    if described:
        content["device_token"] = result["deviceToken"]
    return json_answer(content, HTTPStatus.CREATED)


def _trial_info(trial: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": trial["status"],
        "plan": trial["plan"]["key"],
        "started_at": trial["startedAt"],
        "ends_at": trial["endsAt"],
        "seconds_left": trial["secondsLeft"],
    }
