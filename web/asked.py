"""What a request asks to run: a document by its text or by an id; with a manifest, none but a trusted one."""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from engine.trusted import TrustedDocuments, hash_of
from web.requests import BadRequestError, json_object
from web.runtime import Operation

MAX_DOCUMENT = 20_000
"""Characters of a document: tokens may be long, and reading them takes the time of everybody."""


def operation_in(members: dict[str, Any], trusted: TrustedDocuments | None) -> Operation:
    """The operation that a request's members describe. Raises BadRequestError."""
    text = document_in(members, trusted)
    variables, name = members.get("variables"), members.get("operationName")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "variables is not an object.")
    if name is not None and not isinstance(name, str):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "operationName is not a text.")
    return Operation(text, variables, name or None)


def operation_in_url(request: Request, trusted: TrustedDocuments | None) -> Operation:
    """The operation of a GET request. Raises BadRequestError."""
    parameters = request.query_params
    members: dict[str, Any] = {name: parameters.get(name) or None for name in ("query", "operationName", "documentId")}
    for name in ("variables", "extensions"):
        if parameters.get(name):
            members[name] = json_object(parameters[name], name)
    return operation_in(members, trusted)


def document_in(members: dict[str, Any], trusted: TrustedDocuments | None) -> str:
    """The text of the document that a request's members ask for. Raises BadRequestError."""
    text, extensions = members.get("query"), members.get("extensions")
    if isinstance(text, str) and not text:  # what npm's graphql-ws makes clients send beside an id
        text = None
    if extensions is not None and not isinstance(extensions, dict):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "extensions is not an object.")
    persisted = (extensions or {}).get("persistedQuery")
    document_id = members.get("documentId")
    if trusted is not None:
        return _trusted(text, _id_in(document_id, persisted), trusted)
    if text is None and (persisted is not None or document_id is not None):
        raise BadRequestError(HTTPStatus.OK, "PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
    query = _text_in(text)
    if persisted is not None and _hash_in(persisted) != hash_of(query):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "persistedQuery.sha256Hash is not the hash of query.")
    return query


def _trusted(text: object, document_id: str | None, trusted: TrustedDocuments) -> str:
    known = trusted.get(document_id) if document_id is not None else None
    if text is None and document_id is not None:
        if known is None:
            raise BadRequestError(HTTPStatus.OK, "PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
        return known
    query = _text_in(text)
    if query not in trusted:
        message = "This document is none of those that are trusted here."
        raise BadRequestError(HTTPStatus.BAD_REQUEST, message, "PERSISTED_QUERY_NOT_FOUND")
    if document_id is not None and known != query:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "The id is not that of query.")
    return query


def _id_in(document_id: object, persisted: object) -> str | None:
    """The id that a request names, if any: GraphQL over HTTP has it first, Apollo's clients among the extensions."""
    if document_id is not None:
        if not isinstance(document_id, str) or not document_id:
            raise BadRequestError(HTTPStatus.BAD_REQUEST, "documentId is not a text.")
        return document_id
    return _hash_in(persisted) if persisted is not None else None


def _hash_in(persisted: object) -> str:
    found = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(found, str) or not found:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "persistedQuery has no sha256Hash.")
    return found


def _text_in(text: object) -> str:
    if not isinstance(text, str) or not text.strip():
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "query is missing, or is not a text.")
    if len(text) > MAX_DOCUMENT:
        message = f"A document has at most {MAX_DOCUMENT:,} characters."
        raise BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, "QUERY_TOO_COMPLEX")
    return text
