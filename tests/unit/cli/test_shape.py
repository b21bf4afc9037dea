import pytest

from tests.cli.command_line import Owner

MAIL = "Subject: =?utf-8?q?M=C3=A4rz?=\nContent-Type: text/html; charset=utf-8\n\n<p>Gr\u00fc\u00dfe</p>\n"


@pytest.fixture
def mail(owner: Owner) -> str:
    path = owner.folder / "one.eml"
    path.write_text(MAIL, "utf-8")
    return str(path)


@pytest.mark.slow
def test_what_a_device_would_get_is_written_as_it_would_be_sent(
    owner: Owner, mail: str
) -> None:
    said = owner.must("shape", mail, "--deliver", "text", "--charset", "us-ascii")
    assert said.octets == (
        b"Subject: Marz\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n\r\nGrusse\r\n"
    )
    said = owner.must("shape", mail, "--deliver", "command")
    assert said.octets == MAIL.encode().replace(b"\n", b"\r\n")


@pytest.mark.slow
def test_what_the_owner_of_a_maildrop_chose_holds_but_for_what_is_said_here(
    owner: Owner, mail: str
) -> None:
    folder = str(owner.mail("1.eml"))
    owner.must("account", "add", "a", "--provider", "folder", "--path", folder)
    chosen = ("--deliver", "text", "--charset", "us-ascii")
    owner.must("maildrop", "add", "m", "--account", "a", *chosen)
    said = owner.must("shape", mail, "--maildrop", "m").octets
    assert said.endswith(b"\r\n\r\nGrusse\r\n")
    said = owner.must("shape", mail, "--maildrop", "m", "--charset", "utf-8").octets
    assert said.endswith(b"\r\n\r\nGr=C3=BC=C3=9Fe\r\n")
    assert "There is no maildrop x" in owner.runs("shape", mail, "--maildrop", "x").sentence


@pytest.mark.slow
def test_what_would_stand_for_it_is_said_and_the_answer_is_no(owner: Owner) -> None:
    path = owner.folder / "large.eml"
    path.write_text("Subject: s\n\n" + "word " * 2000)
    words = ("shape", str(path), "--deliver", "text", "--size", "4096")
    said = owner.runs(*words)
    assert said.code == 1
    assert said.sentence.startswith("A notice would stand for it: It has ")
    held = owner.runs(*words, "--oversize", "skip")
    assert held.sentence.startswith("No device would see it: It has ")


def test_a_file_that_is_larger_than_any_message_is_not_read(owner: Owner, mail: str) -> None:
    config = owner.folder / "config.toml"
    config.write_text(config.read_text() + "\n[sync]\nmessage_octets = 1048576\n")
    with open(mail, "a", encoding="utf-8") as file:  # noqa: PTH123 - to make it long without writing it
        file.truncate(1 << 21)
    said = owner.runs("shape", mail, "--deliver", "text").sentence
    assert "is larger than 1048576 octets" in said


def test_for_whom_must_be_said(owner: Owner, mail: str) -> None:
    said = owner.runs("shape", mail, "--charset", "utf-8")
    assert said.code == 2
    assert "--maildrop NAME, or --deliver HOW" in said.err
