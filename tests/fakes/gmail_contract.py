"""Holds requests and answers to Gmail's own discovery document, scopes included.

It also refuses what that document allows and no careful client does: a token in an address.
"""

import json
from collections.abc import Callable
from typing import Any

from tests.fakes.faults import Answer
from tests.fakes.gmail_answers import BadSelection, Selection, parse_fields
from tests.fakes.gmail_discovery import (
    Json,
    Method,
    document,
    faults_in,
    find,
    parameter_faults,
    schema,
)
from tests.fakes.google_signin_dated import bearer_of
from tests.fakes.service import Asked

SECRET_PARAMETERS = frozenset({"access_token", "oauth_token", "key"})

ScopesOf = Callable[[str], frozenset[str] | None]


class GmailContract:
    """Says how a request or an answer departs from the document; an empty list means not at all.

    `scopes_of` tells what a bearer may do, None for one that is unknown or expired: those are part of
    life, while a valid one that lacks the method's scope is a mistake, unless `scopes_may_lack`.
    """

    def __init__(self, scopes_of: ScopesOf) -> None:
        self.scopes_may_lack = False
        self._scopes_of = scopes_of

    def check_request(self, asked: Asked) -> list[str]:
        """Return how a request departs from the document."""
        method = find(asked.method, asked.raw_path)
        if method is None:
            return ["Gmail has no such method"]
        return [
            *query_faults(asked, method),
            *fields_faults(asked, method),
            *_body_faults(asked, method),
            *self._scope_faults(asked, method),
        ]

    def check_answer(self, asked: Asked, answer: Answer) -> list[str]:
        """Return how an answer departs from the document."""
        method = find(asked.method, asked.raw_path)
        if method is None or answer == Answer():
            return []  # the bare Answer stands for one that is never sent
        if answer.status >= 400:
            return _refusal_faults(answer)
        if answer.status not in {200, 204}:
            return [f"status {answer.status} is not Gmail's"]
        if method.response is None:
            return ["an answer where there is none"] if answer.body else []
        return _value_faults(answer, schema(method.response))

    def _scope_faults(self, asked: Asked, method: Method) -> list[str]:
        scopes = self._scopes_of(bearer_of(asked))
        if scopes is None or self.scopes_may_lack or scopes & method.scopes:
            return []
        return [f"no scope of the token allows {method.id}"]


def query_faults(asked: Asked, method: Method) -> list[str]:
    """Return how the parameters in the address depart from those of the method."""
    faults = []
    for name in dict.fromkeys(asked.query):
        described = method.parameters.get(name) or document()["parameters"].get(name)
        texts = asked.query.getall(name)
        if described is None:
            faults.append(f"{method.id} has no parameter {name}")
            continue
        if name in SECRET_PARAMETERS:
            faults.append(f"a secret in the address: {name}")
        if len(texts) > 1 and not described.get("repeated"):
            faults.append(f"parameter {name} is there {len(texts)} times")
        faults += [fault for text in texts for fault in parameter_faults(name, text, described)]
    return faults


def fields_faults(asked: Asked, method: Method) -> list[str]:
    """Return how a choice of fields departs from what the method answers."""
    fields = asked.query.get("fields")
    if fields is None:
        return []
    if method.response is None:
        return [f"{method.id} has no answer to choose fields of"]
    try:
        selection = parse_fields(fields)
    except BadSelection:
        return ["parameter fields cannot be read"]
    return _selection_faults(selection, schema(method.response))


def _selection_faults(selection: Selection, described: Json) -> list[str]:
    described = described.get("items", described)
    described = schema(described["$ref"]) if "$ref" in described else described
    properties: Json = described.get("properties", {})
    faults = []
    for name, below in selection.items():
        if name in properties:
            faults += _selection_faults(below, properties[name])
        elif name != "*":
            faults.append(f"parameter fields names {name}, which is not in the answer")
    return faults


def _body_faults(asked: Asked, method: Method) -> list[str]:
    is_counted = {"Content-Length", "Transfer-Encoding"} & set(asked.headers)
    if asked.method in {"POST", "PUT", "PATCH"} and not is_counted:
        return ["neither a length nor chunks: Google answers 411"]
    if method.request is None:
        return [f"{method.id} takes no body"] if asked.body else []
    kind = asked.headers.get("Content-Type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        return [f"the body is said to be {kind or 'nothing'}, not JSON"]
    value, faults = _parsed(asked.body)
    return faults or faults_in(value, schema(method.request), "the body", method.id)


def _value_faults(answer: Answer, described: Json) -> list[str]:
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return ["the answer is not said to be JSON"]
    if isinstance(answer.body, bytes):
        value, faults = _parsed(answer.body)
        return faults or faults_in(value, described, "the answer")
    shape = getattr(answer.body, "shape", None)
    if shape is None:
        return ["an answer in pieces that does not say what shape it has"]
    return faults_in(shape, described, "the answer")


def _refusal_faults(answer: Answer) -> list[str]:
    """Return how a refusal departs from the form that all of Google's have."""
    assert isinstance(answer.body, bytes)
    value, faults = _parsed(answer.body)
    if faults:
        return faults
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        return ["a refusal without an error"]
    if error.get("code") != answer.status:
        faults.append("the error has another code than the status")
    reasons = [one.get("reason") for one in error.get("errors", [])]
    if not reasons or not all(isinstance(one, str) for one in reasons):
        faults.append("the error has no reason")
    return faults


def _parsed(text: bytes) -> tuple[Any, list[str]]:
    try:
        return json.loads(text), []
    except ValueError:
        return None, ["the body is not JSON"]
