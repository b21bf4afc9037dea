import inspect
import re

import pytest

from bridge import errors
from bridge.errors import ConfigError, NetworkError, OwnerError, PopbridgeError, StateError

ALL = [
    item
    for _, item in inspect.getmembers(errors, inspect.isclass)
    if item.__module__ == errors.__name__
]


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_every_error_has_the_one_root(error: type[Exception]) -> None:
    assert issubclass(error, PopbridgeError)


def test_the_tree_at_the_top_of_the_file_shows_every_error_under_its_parent() -> None:
    assert errors.__doc__ is not None
    path: list[str] = []
    drawn = {}
    for indent, name in re.findall(r"^([| `-]*)([A-Z]\w+)", errors.__doc__, re.MULTILINE):
        if not (name.endswith("PopbridgeError") or indent):
            continue
        del path[len(indent) // 4 :]
        drawn[name] = path[-1] if path else "Exception"
        path.append(name)
    assert drawn == {error.__name__: error.__mro__[1].__name__ for error in ALL}


@pytest.mark.parametrize(
    "error", [e for e in ALL if issubclass(e, OwnerError)], ids=lambda e: e.__name__
)
def test_an_error_for_the_owner_says_its_exit_code_in_the_tree(error: type[OwnerError]) -> None:
    assert errors.__doc__ is not None
    line = next(line for line in errors.__doc__.splitlines() if f" {error.__name__} " in line)
    told = re.search(r"exit (\d)", line)
    assert error.exit_code == (int(told[1]) if told else 1)


def test_a_caller_can_tell_config_state_and_network_apart() -> None:
    codes = {ConfigError.exit_code, StateError.exit_code, NetworkError.exit_code}
    assert len(codes) == 3
    assert not codes & {0, 1, 2}
