"""Holds every request to Graph, and every answer of the fake, to tests/contracts/graph.yaml and to its manners.

What OpenAPI cannot say is checked here: the immutable-id preference and the client-request-id, members
of $select, links that are followed to the letter, and each request of a batch as one of its own. Where
the vendor's own description lies beside the checkout it is asked too.
"""

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.fakes.faults import Answer
from tests.fakes.graph_openapi import (
    VENDORS,
    VERSION,
    Description,
    Operation,
    Told,
    headers_of,
    ours,
    vendors,
)
from tests.fakes.service import Asked

BATCH = f"{VERSION}/$batch"

NOT_THE_VENDORS = frozenset(
    {"POST mailFolders", "POST mailFolders/{folder-id}/childFolders", "POST $batch"}
)
"""Operations that the vendor's cut does not describe."""

LINK_ONLY = frozenset({"$skip", "$skiptoken"})
"""What only a link of Graph's own may carry (graph/paging)."""

_PROBES = frozenset({"", VERSION, f"{VERSION}/", f"{VERSION}/$metadata"})
_PREFER = re.compile(r'IdType="ImmutableId"|odata\.maxpagesize=[1-9][0-9]{0,3}')
_IMMUTABLE = 'IdType="ImmutableId"'


class GraphContract:
    """Says how a request or an answer departs from the contract; an empty list means not at all.

    `second_opinion` is empty where the vendor's description is asked too, else why it is not.
    """

    def __init__(self) -> None:
        self._ours = ours()
        self._vendors = vendors()
        self._links: set[object] = set()
        self._delta_tokens: set[str] = set()
        self.second_opinion = (
            ""
            if self._vendors is not None
            else f"the vendor's description, {VENDORS.name}, is not at hand beside the checkout"
        )

    # ---- requests

    def check_request(self, asked: Asked) -> list[str]:
        """Return how a request departs from the contract."""
        if is_probe(asked):
            return []
        told = told_of(asked)
        faults = [*self._request_faults(told), *_id_faults(told), *self._link_faults(asked)]
        if told.path == BATCH:
            for number, part in parts_of(asked):
                faults += [
                    f"request {number} of the batch: {one}" for one in _part_faults(part)
                ]
                found = self._request_faults(part)
                faults += [f"request {number} of the batch: {one}" for one in found]
        return faults

    def _request_faults(self, told: Told) -> list[str]:
        if not told.path.startswith(f"{VERSION}/"):
            return [f"{told.path} is not below {VERSION}"]
        operation = self._ours.operation(told)
        if operation is None:
            return [f"the contract has no {told.method} {told.path}"]
        return [
            *_query_faults(told, operation),
            *_prefer_faults(told),
            *self._ours.request_faults(told, operation),
            *self._vendors_request_faults(told, operation),
        ]

    def _vendors_request_faults(self, told: Told, operation: Operation) -> list[str]:
        theirs = self._second(operation)
        if theirs is None:
            return []
        same = theirs.operation(told)
        if same is None:
            return [f"the vendor has no {told.method} {told.path}"]
        return [f"vendor: {one}" for one in theirs.request_faults(told, same)]

    def _second(self, operation: Operation) -> Description | None:
        return None if operation.name in NOT_THE_VENDORS else self._vendors

    def _link_faults(self, asked: Asked) -> list[str]:
        """Return whether a link was built, or changed, rather than followed.

        A delta token that was never given out is no fault: it is what an old cursor looks like.
        """
        is_opaque = any(name in LINK_ONLY for name in asked.query)
        is_ours = asked.query.get("$deltatoken") in self._delta_tokens
        link = (asked.path, *asked.query.items())
        if (is_opaque or is_ours) and link not in self._links:
            return ["a link was not followed to the letter"]
        return []

    # ---- answers

    def check_answer(self, asked: Asked, answer: Answer) -> list[str]:
        """Return how an answer departs from the contract."""
        if is_probe(asked) or answer == Answer():
            return []  # the bare Answer stands for one that is never sent
        told = told_of(asked)
        faults = self._answer_faults(told, answer)
        if told.path == BATCH and answer.status < 400 and isinstance(answer.body, bytes):
            parts = dict(parts_of(asked))
            for number, part_answer in _part_answers(answer.body):
                if number not in parts:
                    faults.append(f"an answer to request {number}, which the batch has not")
                    continue
                found = self._answer_faults(parts[number], part_answer)
                faults += [f"answer {number} of the batch: {one}" for one in found]
        return faults

    def _answer_faults(self, told: Told, answer: Answer) -> list[str]:
        operation = self._ours.operation(told)
        if operation is None or (answer.status >= 400 and not answer.body):
            return []  # a gateway on the way has no JSON to say
        if not isinstance(answer.body, bytes):
            return _streamed_faults(told, answer)
        if told.path.endswith("/$value") and answer.status < 400:
            return ["the MIME of a message is sent in pieces"]
        rest = (told, answer.status, answer.headers, answer.body)
        faults = self._ours.answer_faults(*rest)
        theirs = self._second(operation)
        if theirs is not None:
            faults += [f"vendor: {one}" for one in theirs.answer_faults(*rest)]
        if not faults and answer.status < 400 and answer.body and operation.members:
            value = json.loads(answer.body)
            faults += _member_faults(value, operation, _selected(told))
            self._remember_links(value)
        return faults

    def _remember_links(self, value: Mapping[str, Any]) -> None:
        for name in ("@odata.nextLink", "@odata.deltaLink"):
            if name in value:
                parts = urlsplit(value[name])
                query = parse_qsl(parts.query)
                self._links.add((unquote(parts.path), *query))
                self._delta_tokens |= {text for key, text in query if key == "$deltatoken"}


def is_probe(asked: Asked) -> bool:
    """Tell whether somebody without a token looks whether the host is there."""
    return (
        asked.method in {"GET", "HEAD"}
        and "Authorization" not in asked.headers
        and asked.path.rstrip("/") in {one.rstrip("/") for one in _PROBES}
    )


def told_of(asked: Asked) -> Told:
    """Return a request that came by itself."""
    return Told(
        asked.method,
        asked.raw_path.partition("?")[0],
        tuple(asked.query.items()),
        asked.headers,
        asked.body,
    )


def parts_of(asked: Asked) -> Iterator[tuple[str, Told]]:
    """Yield the requests of a batch with their ids; nothing where it is not one."""
    try:
        requests = json.loads(asked.body)["requests"]
        for one in requests:
            yield str(one["id"]), _part(one, asked.headers.get("Authorization"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # the schema says what is wrong


def _part(one: Mapping[str, Any], authorization: str | None) -> Told:
    path, _, query = str(one["url"]).partition("?")
    headers = headers_of(one.get("headers") or {})
    if authorization is not None:
        headers["Authorization"] = authorization
    body = one.get("body")
    return Told(
        str(one["method"]),
        f"{VERSION}{path}",
        tuple(parse_qsl(query, keep_blank_values=True)),
        headers,
        b"" if body is None else json.dumps(body).encode(),
    )


def _part_faults(part: Told) -> list[str]:
    """Return what a request of a batch lacks (graph/json-batching)."""
    faults = []
    if part.body and not part.content_type:
        faults.append("a body without its Content-Type")
    if part.path.endswith("/$value"):
        faults.append("the MIME of a message does not belong in a batch")
    if "client-request-id" in part.headers:
        faults += _id_faults(part)
    return faults


def _id_faults(told: Told) -> list[str]:
    text = told.headers.get("client-request-id", "")
    try:
        uuid.UUID(text)
    except ValueError:
        return ["no client-request-id that is a uuid"]
    return []


def _prefer_faults(told: Told) -> list[str]:
    prefer = told.headers.get("Prefer", "")
    wanted = [one.strip() for one in prefer.split(",") if one.strip()]
    faults = [f"an unknown preference: {one}" for one in wanted if not _PREFER.fullmatch(one)]
    if _IMMUTABLE not in wanted:
        faults.append("no preference for immutable ids")
    return faults


def _query_faults(told: Told, operation: Operation) -> list[str]:
    names = [name for name, _ in told.query]
    faults = [
        f"{operation.name} has no query {name}"
        for name in names
        if name not in operation.query_names
    ]
    faults += [
        f"query {one} is there twice" for one in {n for n in names if names.count(n) > 1}
    ]
    known = operation.members
    chosen = _selected(told) or frozenset()
    faults += [f"$select names {one}, which there is not" for one in sorted(chosen - known)]
    for text in dict(told.query).get("$orderby", "").split(","):
        if text and text.split()[0] not in known:
            faults.append(f"$orderby names {text.split()[0]}, which there is not")
    return faults


def _selected(told: Told) -> frozenset[str] | None:
    """Return what $select names, or None where everything is wanted."""
    chosen = dict(told.query).get("$select")
    return None if chosen is None else frozenset(chosen.split(","))


def _streamed_faults(told: Told, answer: Answer) -> list[str]:
    """Return what is wrong with an answer that is made while it is sent."""
    if not told.path.endswith("/$value"):
        return ["only the MIME of a message is sent in pieces"]
    kind = answer.headers.get("Content-Type", "")
    if answer.status != 200 or not kind.startswith("text/plain"):
        return [f"MIME comes with 200 and text/plain, not {answer.status} and {kind}"]
    return []


def _member_faults(
    value: Mapping[str, Any], operation: Operation, chosen: frozenset[str] | None
) -> Iterable[str]:
    """Yield members of the answer's items that are unknown, or were not asked for."""
    items = value.get("value", [value])
    allowed = operation.members if chosen is None else chosen | {"id", "@removed"}
    for names in {frozenset(one) for one in items}:
        for name in sorted(names - allowed):
            if not name.startswith("@odata."):
                yield f"the answer has a member {name}, which was not asked for"


def _part_answers(body: bytes) -> Iterator[tuple[str, Answer]]:
    for one in json.loads(body).get("responses", []):
        told = one.get("body")
        octets = b"" if told is None else json.dumps(told).encode()
        yield str(one["id"]), Answer(one["status"], octets, headers_of(one.get("headers", {})))
