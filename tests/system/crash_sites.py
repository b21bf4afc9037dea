"""Finds in the source every place where something becomes durable, goes to a service, or is answered.

Such a place is named as the steps of `tests.system.crash_steps` name it: by its function and by what is done.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.system.crash_steps import FILE_CALLS, ROOT, WRITING

PATH_CALLS = {name: name for name in FILE_CALLS if name not in ("fsync", "replace")} | {
    "touch": "create",
    "hardlink_to": "link",
    "symlink_to": "symlink",
    "write_bytes": "write",
    "write_text": "write",
}
"""Methods of pathlib.Path that change what a restart finds, and the kinds of their steps."""

ASKING = frozenset({"ask", "stream", "_ask", "_ask_inside", "_json", "_send", "_send_batch"})
"""Functions of the providers through which every request goes."""

COURIERS = frozenset({"caller.py", "blocking.py", "transport.py"})
"""Files of the providers that send what they are given."""

UNNAMED = frozenset({"Database._transact", "Writes.change"})
"""Functions that commit what others hand them, and by whose name it goes."""


def sites() -> set[str]:
    """Return the name of every such place in the product."""
    found: set[str] = set()
    for package in ("bridge", "providers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            found.update(_in_file(path))
    return found


def names_of(point: str) -> set[str]:
    """Return the sites that a step has visited: of a request, every function it comes from."""
    place, _, kind = point.rpartition(" ")
    if kind != "request":
        return {point}
    return {f"{name.rpartition(':')[2]} request" for name in place.split(">")}


def _in_file(path: Path) -> Iterator[str]:
    name = str(path.relative_to(ROOT))
    for function, call in _calls(ast.parse(path.read_text("utf-8")), ""):
        kind = _kind(call, path)
        if kind == "request":
            yield f"{function} request"
        elif kind and function not in UNNAMED:
            yield f"{name}:{function} {kind}"


def _calls(node: ast.AST, function: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the name of the outermost function around it."""
    for child in ast.iter_child_nodes(node):
        inside = function
        match child:
            case ast.ClassDef(name=name):
                inside = f"{name}."
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if (
                not function or function.endswith(".")
            ):
                inside = f"{function}{name}"
            case ast.Call():
                yield function, child
            case _:
                pass
        yield from _calls(child, inside)


def _kind(call: ast.Call, path: Path) -> str:
    """Return the kind of step that a call takes, or nothing."""
    if not isinstance(call.func, ast.Attribute):
        return "write" if _opens_to_write(call, ast.unparse(call.func) == "open") else ""
    owner, name = ast.unparse(call.func.value), call.func.attr
    if owner == "os":
        return _kind_of_os(call, name)
    if owner in ("shutil", "tempfile"):
        return owner
    if name in PATH_CALLS and owner != "self._lock":  # that of a maildrop, which lies in memory
        return PATH_CALLS[name]
    if name == "replace" and len(call.args) == 1 and not call.keywords:  # text takes two
        return name
    if name == "open" and _opens_to_write(call, is_open=True):
        return "write"
    return _kind_beyond_files(call, path)


def _kind_of_os(call: ast.Call, name: str) -> str:
    if name == "open":
        return "create" if len(call.args) > 2 else ""  # only who creates a file says its mode
    return name if name in FILE_CALLS else ""


def _opens_to_write(call: ast.Call, is_open: bool) -> bool:  # noqa: FBT001 - what the caller has found
    modes = [one.value for one in call.args[-1:] if isinstance(one, ast.Constant)]
    return is_open and any(isinstance(one, str) and set(one) & set("wax+") for one in modes)


def _kind_beyond_files(call: ast.Call, path: Path) -> str:
    assert isinstance(call.func, ast.Attribute)
    owner, name = ast.unparse(call.func.value), call.func.attr
    if owner.endswith("database") and name == "write":
        return "COMMIT"
    if (owner, name) == ("self._writes", "change"):
        return "COMMIT"
    if name in ("execute", "executemany", "executescript") and owner != "db":
        return _kind_of_sql(call)
    if "providers" in path.parts:
        return "request" if name in ASKING and path.name not in COURIERS else ""
    if (owner, name) == ("self._connection", "send"):
        return "send"
    is_answer = (owner, name) == ("writer", "write") and "storage" not in path.parts
    return "answer" if is_answer else ""


def _kind_of_sql(call: ast.Call) -> str:
    """Return the kind of a statement that runs in no transaction of ours."""
    text = ast.unparse(call.args[0]).lstrip("f'\"")
    found = WRITING.match(text)
    return found[1].upper().replace(" ", "-").rstrip("-=") if found else ""
