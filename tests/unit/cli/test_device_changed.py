"""What an owner is told of a change that does nothing, or takes a login from another machine."""

from tests.cli.command_line import Owner


def test_a_change_of_nothing_is_refused(owner: Owner) -> None:
    owner.must("device", "add", "fax", "--login-only")
    said = owner.runs("device", "change", "fax")
    assert said.code == 1
    assert said.sentence.startswith("Nothing to change was given")


def test_a_login_that_is_lost_to_another_device_is_told(owner: Owner) -> None:
    words = ("--login-only", "--alias")
    assert owner.must("device", "add", "d1", *words, "scan@a.example").err == ""
    said = owner.must("device", "add", "d2", *words, "scan@b.example", "--json")
    [warning] = said.json["warnings"]
    assert warning in said.err
    assert warning.startswith("scan may mean d1 or d2 now, and logs nobody in: ")
    _, command, _ = warning.split("`")
    assert owner.must(*command.removeprefix("popbridge ").split()).err == ""
    said = owner.must("device", "change", "d2", "--alias", "fax", "--alias", "scan@c.example")
    assert said.err == "", "it is d1's own"
    said = owner.must("device", "change", "d1", "--alias", "scan@a.example")
    assert said.err.startswith("scan may mean d1 or d2 now")
