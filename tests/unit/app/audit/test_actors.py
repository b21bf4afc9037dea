"""Whoever gives an order is known by number and by name, through sudo too."""

import os

import pytest

from bridge.app.audit.actors import actor_asking, actor_here, introduction

NOBODY = 4_200_000_123


def test_without_sudo_it_is_whose_process_this_is() -> None:
    actor = actor_here({})
    assert (actor.uid, actor.sudo_uid, actor.sudo_user) == (os.getuid(), None, "")
    assert actor.user


def test_sudo_says_who_stands_behind_it() -> None:
    actor = actor_here({"SUDO_UID": str(NOBODY)})
    assert (actor.uid, actor.sudo_uid, actor.sudo_user) == (os.getuid(), NOBODY, "unknown")


@pytest.mark.parametrize("text", ["", "root", "-1", "1.5", "٣", "9" * 400])
def test_what_is_no_number_names_nobody(text: str) -> None:
    assert actor_here({"SUDO_UID": text}).sudo_uid is None


def test_who_uses_sudo_as_themselves_is_told_once() -> None:
    assert actor_here({"SUDO_UID": str(os.getuid())}).sudo_uid is None


def test_a_running_bridge_is_told_by_the_kernel_who_asks_and_by_the_command_for_whom() -> None:
    told = introduction({"SUDO_UID": str(NOBODY)})
    actor = actor_asking({"asker_uid": 0, **told})
    assert (actor.uid, actor.user, actor.sudo_uid) == (0, "root", NOBODY)
    assert actor_asking({"asker_uid": 0, **introduction({})}).sudo_uid is None


@pytest.mark.parametrize("claim", ["root", None, -1, [1], "1" * 30])
def test_a_claim_that_names_nobody_counts_for_nothing(claim: object) -> None:
    assert actor_asking({"asker_uid": 0, "sudo_uid": claim}).sudo_uid is None
