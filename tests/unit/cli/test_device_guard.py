"""A machine that may answer mail has the loop guard set, and the owner is told."""

from tests.cli.command_line import Owner


def test_the_loop_guard_that_a_fax_sets_is_told(owner: Owner) -> None:
    def admits() -> str:
        (row,) = owner.must("maildrop", "list", "--json").json
        return str(row["admits"])

    path = str(owner.mail("1.eml"))
    owner.must("account", "add", "a", "--provider", "folder", "--path", path)
    owner.must("maildrop", "add", "m", "--account", "a")
    words = ("device", "add", "--maildrop", "m", "--profile")
    assert "--automatic list" not in owner.must(*words, "zebra", "label").err
    assert admits() == "everything"
    assert "maildrop change m --automatic list" in owner.must(*words, "sharp", "fax").err
    assert admits() == "nothing automatic"
    said = owner.must("maildrop", "change", "m", "--refused", "move:Refused").out
    assert "moved to Refused" in said
    owner.must("device", "change", "fax", "--profile", "zebra")
    assert admits() == "everything"
    said = owner.must("device", "change", "fax", "--profile", "sharp")
    assert "maildrop change m --automatic list" in said.err
    owner.must("maildrop", "change", "m", "--automatic", "list")
    said = owner.must("device", "change", "label", "--profile", "sharp")
    assert "--automatic" not in said.err
