"""Gmail's own description of itself, as it comes with google-api-python-client: methods and schemas."""

import json
import re
from functools import lru_cache
from importlib import resources
from typing import Any, TypeAlias

import attrs

Json: TypeAlias = dict[str, Any]

_STATED_LIMIT = re.compile(
    r"(?:maximum allowed value for this field is|limit of|can (?:add|remove) up to) ([\d,]+)"
)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*={0,2}")
_RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
_PYTHON_TYPES: dict[str, type] = {"string": str, "boolean": bool, "array": list, "object": dict}


@attrs.frozen
class Method:
    """One method; `parameters` are those of the query, by name."""

    id: str
    verb: str
    path: re.Pattern[str]
    parameters: Json
    request: str | None
    response: str | None
    scopes: frozenset[str]


@lru_cache(maxsize=1)
def document() -> Json:
    """Return the discovery document."""
    folder = resources.files("googleapiclient.discovery_cache.documents")
    loaded: Json = json.loads((folder / "gmail.v1.json").read_text(encoding="utf-8"))
    return loaded


@lru_cache(maxsize=1)
def methods() -> tuple[Method, ...]:
    """Return all methods."""
    return tuple(_method(one) for one in _descriptions(document()))


@lru_cache(maxsize=1)
def known_scopes() -> frozenset[str]:
    """Return every scope of this API."""
    return frozenset(document()["auth"]["oauth2"]["scopes"])


def find(verb: str, raw_path: str) -> Method | None:
    """Return the method for a request, literal paths before those with parameters."""
    path = raw_path.partition("?")[0]
    found = (one for one in methods() if one.verb == verb and one.path.fullmatch(path))
    return min(found, key=lambda one: one.path.groups, default=None)


def schema(name: str) -> Json:
    """Return a schema by its name."""
    described: Json = document()["schemas"][name]
    return described


def limit_of(described: Json) -> int | None:
    """Return the maximum that a description states in words."""
    stated = _STATED_LIMIT.search(described.get("description", ""))
    return int(stated.group(1).replace(",", "")) if stated else None


def faults_in(value: Any, described: Json, where: str, method_id: str = "") -> list[str]:  # noqa: ANN401 - any JSON
    """Return how a JSON value departs from its description.

    `method_id` is given for what was sent to the service: then what that method requires must be there,
    and no stated maximum be exceeded.
    """
    if "$ref" in described:
        described = schema(described["$ref"])
    kind = described.get("type", "any")
    if kind in {"integer", "number"}:
        faults = _number_faults(value, described, where)
    elif not isinstance(value, _PYTHON_TYPES.get(kind, object)):
        faults = [f"{where} is {_kind_of(value)}, not {kind}"]
    elif isinstance(value, list):
        faults = [
            fault
            for at, one in enumerate(value)
            for fault in faults_in(one, described["items"], f"{where}[{at}]", method_id)
        ]
    elif isinstance(value, dict):
        faults = _object_faults(value, described, where, method_id)
    else:
        faults = _text_faults(value, described, where)
    return faults + (_excess(value, described, where) if method_id else [])


def parameter_faults(name: str, text: str, described: Json) -> list[str]:
    """Return how the text of a query parameter departs from its description."""
    where = f"parameter {name}"
    if described["type"] == "boolean":
        return [] if text in {"true", "false"} else [f"{where} is not true or false: {text}"]
    if described["type"] == "integer":
        if not re.fullmatch(r"-?\d+", text):
            return [f"{where} is not a whole number: {text}"]
        number = int(text)
        return _number_faults(number, described, where) + _excess(number, described, where)
    return _text_faults(text, described, where)


def _descriptions(resource: Json) -> list[Json]:
    below = resource.get("resources", {}).values()
    own = list(resource.get("methods", {}).values())
    return own + [one for inner in below for one in _descriptions(inner)]


def _method(described: Json) -> Method:
    literal = re.split(r"\{[^}]+\}", described["flatPath"])
    return Method(
        described["id"],
        described["httpMethod"],
        re.compile("/" + "([^/]+)".join(re.escape(one) for one in literal)),
        {k: v for k, v in described["parameters"].items() if v["location"] == "query"},
        described.get("request", {}).get("$ref"),
        described.get("response", {}).get("$ref"),
        frozenset(described["scopes"]),
    )


def _object_faults(value: Json, described: Json, where: str, method_id: str) -> list[str]:
    properties: Json = described.get("properties", {})
    faults = [f"{where} has the unknown key {key}" for key in value if key not in properties]
    for key, one in properties.items():
        if key in value:
            faults += faults_in(value[key], one, f"{where}.{key}", method_id)
        elif method_id and method_id in one.get("annotations", {}).get("required", ()):
            faults.append(f"{where} lacks {key}")
    return faults


def _number_faults(value: Any, described: Json, where: str) -> list[str]:  # noqa: ANN401 - any JSON
    if not isinstance(value, int) or isinstance(value, bool):
        return [f"{where} is {_kind_of(value)}, not a whole number"]
    low, high = _RANGES[described.get("format", "int32")]
    return [] if low <= value <= high else [f"{where} is out of range: {value}"]


def _text_faults(value: Any, described: Json, where: str) -> list[str]:  # noqa: ANN401 - any JSON
    allowed = described.get("enum")
    if allowed is not None and value not in allowed:
        return [f"{where} is none of {', '.join(allowed)}: {value}"]
    form = described.get("format")
    if form == "byte":
        is_good = _BASE64URL.fullmatch(value) is not None
        return [] if is_good else [f"{where} is not base64url"]
    if form in _RANGES:
        if not re.fullmatch(r"-?\d{1,20}", value):
            return [f"{where} is not the text of a whole number: {value}"]
        low, high = _RANGES[form]
        return [] if low <= int(value) <= high else [f"{where} is out of range: {value}"]
    return []


def _excess(value: Any, described: Json, where: str) -> list[str]:  # noqa: ANN401 - any JSON
    limit = limit_of(described)
    amount = len(value) if isinstance(value, list) else value
    if limit is None or not isinstance(amount, int) or amount <= limit:
        return []
    return [f"{where} has {amount}, and {limit} is the most"]


def _kind_of(value: object) -> str:
    return type(value).__name__
