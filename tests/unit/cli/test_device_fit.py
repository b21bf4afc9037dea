"""What a machine needs is held against the listeners and the maildrop, and its owner told."""

import pytest

from tests.cli.command_line import Owner


@pytest.fixture
def holder(owner: Owner) -> Owner:
    path = str(owner.mail("1.eml"))
    owner.must("account", "add", "a", "--provider", "folder", "--path", path)
    owner.must("maildrop", "add", "m", "--account", "a")
    return owner


def test_another_profile_says_what_to_enter_and_what_will_not_work(holder: Owner) -> None:
    long = "label-printer-of-the-north-hall-2nd-floor"
    holder.must("device", "add", long, "--maildrop", "m")
    said = holder.must("device", "change", long, "--profile", "sharp")
    assert f"\nUser: {long}\n" in said.out
    assert "cannot hold that user name; use at most 32 characters" in said.err
    said = holder.must("device", "change", long, "--profile", "pbs-epson")
    assert "No listener serves pbs-epson" in said.err
    assert "User:" not in said.out
    said = holder.must("device", "change", long, "--login-delay", "60")
    assert (said.out.count("\n"), said.err) == (1, "")


def test_what_else_is_known_of_a_machine_stands_behind_what_to_enter(holder: Owner) -> None:
    words = ("device", "add", "--maildrop", "m", "--profile", "canon-maxify")
    note = "Its list of CAs is fixed: switch verification off."
    assert holder.must(*words, "one").out.endswith(f"\nnote: {note}\n")
    assert holder.must(*words, "two", "--json").json["notes"] == [note]
    said = holder.must("device", "change", "one", "--profile", "canon-maxify")
    assert said.out.endswith(f"\nnote: {note}\n")


def test_a_maildrop_that_does_not_deliver_what_the_machine_needs_is_told(holder: Owner) -> None:
    words = ("device", "add", "--maildrop", "m", "--profile")
    assert "maildrop change m --deliver ifax`" in holder.must(*words, "ricoh-ifax", "fax").err
    said = holder.must(*words, "zebra", "label", "--json").json["warnings"]
    assert any("--deliver text`" in one for one in said)
    assert any("--size 256000`" in one for one in said)
    holder.must("maildrop", "add", "n", "--account", "a", "--profile", "ricoh-ifax")
    assert "--deliver" in holder.must("device", "change", "fax", "--profile", "sharp").err
    assert "--deliver" not in holder.must("device", "change", "fax", "--maildrop", "n").err
    assert "--deliver" in holder.must("device", "change", "fax", "--maildrop", "m").err
