import fcntl
import socket

from tests.cli.command_line import Owner


def test_a_folder_that_was_never_made_says_run_init(newcomer: Owner) -> None:
    said = newcomer.runs("serve")
    assert said.code == 4
    assert "popbridge init" in said.sentence


def test_a_port_in_use_is_an_error_of_the_network(owner: Owner) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = owner.config.read_text("utf-8").replace("port = 0", f"port = {port}")
        owner.config.write_text(text, "utf-8")
        said = owner.runs("serve")
    assert said.code == 5
    assert f"port {port}" in said.sentence


def test_a_second_bridge_on_one_state_folder_is_refused(owner: Owner) -> None:
    with (owner.state / "server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = owner.runs("serve")
    assert said.code == 4
    assert "Another popbridge already serves" in said.sentence
