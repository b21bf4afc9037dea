"""Reads an OpenAPI description and holds single requests and answers to it, with openapi-core.

Paths are matched as they were on the wire, so that an escaped slash inside an id stays inside.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs
import yaml
from multidict import CIMultiDict
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

HOST = "https://graph.microsoft.com"
VERSION = "/v1.0"

ROOT = Path(__file__).parent.parent.parent
OURS = ROOT / "tests" / "contracts" / "graph.yaml"
VENDORS = ROOT.parent / "shared" / "contracts" / "graph-mail-openapi.yaml"

_METHODS = frozenset({"GET", "POST", "PATCH", "DELETE", "PUT"})

Json = dict[str, Any]


@attrs.frozen
class Told:
    """One request, whether it came by itself or in a batch; `path` is raw and without its query."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")

    @property
    def shape(self) -> object:
        """Return what a verdict depends on, values in the path aside: those are any text."""
        has_token = "Authorization" in self.headers
        return self.method, self.query, self.content_type, has_token


@attrs.frozen
class Operation:
    """One operation; `name` is the same for /me and for /users/{user-id}."""

    name: str
    pattern: re.Pattern[str]
    query_names: frozenset[str]
    members: frozenset[str]


class Description:
    """One OpenAPI description, loaded."""

    def __init__(self, path: Path) -> None:
        document: Json = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
        self._openapi = OpenAPI.from_dict(document)
        self._operations = list(_operations(document))
        self._verdicts: dict[object, list[str]] = {}

    def operation(self, told: Told) -> Operation | None:
        """Return the operation that a request is, or None."""
        path = told.path.removeprefix(VERSION)
        for method, operation in self._operations:
            if method == told.method and operation.pattern.fullmatch(path):
                return operation
        return None

    def request_faults(self, told: Told, operation: Operation) -> list[str]:
        """Return how a request departs from the description."""
        if told.body:
            return self._request_faults(told)
        key = (operation.name, told.path.startswith(f"{VERSION}/me"), told.shape)
        if key not in self._verdicts:
            self._verdicts[key] = self._request_faults(told)
        return self._verdicts[key]

    def answer_faults(
        self, told: Told, status: int, headers: Mapping[str, str], body: bytes
    ) -> list[str]:
        """Return how an answer departs from the description."""
        response = _Response(status, Headers(dict(headers)), body)
        return _faults(self._openapi.iter_response_errors(_Request.of(told), response))

    def _request_faults(self, told: Told) -> list[str]:
        return _faults(self._openapi.iter_request_errors(_Request.of(told)))


@lru_cache
def ours() -> Description:
    """Return tests/contracts/graph.yaml."""
    return Description(OURS)


@lru_cache
def vendors() -> Description | None:
    """Return the vendor's own description where it is at hand beside the checkout."""
    return Description(VENDORS) if VENDORS.is_file() else None


# ---- what openapi-core wants to see


@attrs.define
class _Request:
    method: str
    path: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None
    host_url: str = HOST

    @classmethod
    def of(cls, told: Told) -> "_Request":
        parameters = RequestParameters(
            query=ImmutableMultiDict(told.query),
            header=Headers(list(told.headers.items())),
            cookie=ImmutableMultiDict(),
        )
        return cls(
            told.method.lower(),
            told.path,
            parameters,
            told.content_type.lower() or "application/octet-stream",
            told.body or None,
        )


@attrs.define
class _Response:
    status_code: int
    headers: Headers
    data: bytes | None

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "application/octet-stream").lower()


def _operations(document: Json) -> Iterable[tuple[str, Operation]]:
    """Yield every operation with its method, those whose paths have most fixed parts first."""
    paths: Json = document["paths"]
    for template in sorted(paths, key=lambda one: one.count("{")):
        for method, described in paths[template].items():
            if method.upper() in _METHODS:
                listed = [
                    *described.get("parameters", []),
                    *paths[template].get("parameters", []),
                ]
                names = (_resolved(one, document) for one in listed)
                yield (
                    method.upper(),
                    Operation(
                        f"{method.upper()} {_without_mailbox(template)}",
                        _pattern(template),
                        frozenset(one["name"] for one in names if one["in"] == "query"),
                        _members(described, document),
                    ),
                )


def _without_mailbox(template: str) -> str:
    return re.sub(r"^/(?:me|users/\{[^}]*\})/|^/", "", template)


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]*\}", template)
    return re.compile("[^/]+".join(map(re.escape, parts)))


def _members(described: Json, document: Json) -> frozenset[str]:
    name = described.get("x-members-of")
    return frozenset(document["components"]["schemas"][name]["properties"] if name else ())


def _resolved(one: Json, document: Json) -> Json:
    found: Any = document
    for step in one.get("$ref", "#").split("/")[1:]:
        found = found[step]
    return one if found is document else found


def _faults(errors: Iterable[Exception]) -> list[str]:
    return [_spelled(error) for error in errors]


def _spelled(error: BaseException) -> str:
    """Return an error of openapi-core as one line; its own texts leave the cause out."""
    name, text = type(error).__name__, str(error)
    told = [name if text in {"", name} else f"{name}: {_middle_out(text)}"]
    cause = error.__cause__
    while cause is not None:
        inner = getattr(cause, "schema_errors", None)
        texts = [one.message for one in inner] if inner else [str(cause)]
        told += [_middle_out(text) for text in texts]
        cause = cause.__cause__
    return ": ".join(told)


def _middle_out(text: str) -> str:
    """Return a text of bearable length; what is wrong with a long value is said at the end."""
    return text if len(text) < 200 else f"{text[:100]} ... {text[-95:]}"


def headers_of(value: Mapping[str, str]) -> CIMultiDict[str]:
    """Return headers that are found whatever their letters' case (RFC 9110 section 5.1)."""
    return CIMultiDict(value)
