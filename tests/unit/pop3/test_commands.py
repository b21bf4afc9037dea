import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.names import MessageNumber
from bridge.pop3.commands import (
    NUMBER_DIGITS_MAX,
    Apop,
    Auth,
    BadCommand,
    Capa,
    Command,
    Dele,
    Lang,
    Last,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
    parse,
)
from tests.unit.pop3.chunking import octets_of

DIGEST = "c4c9334bac560ecc979e58001b3e22fb"
ONE = MessageNumber(1)

COMMANDS: list[tuple[bytes, Command]] = [
    (b"USER mrose", User("mrose")),
    (b"PASS secret", Pass("secret")),
    (b"APOP mrose " + DIGEST.encode(), Apop("mrose", DIGEST)),
    (b"AUTH", Auth(None)),
    (b"AUTH PLAIN", Auth("PLAIN")),
    (b"AUTH PLAIN AGE=", Auth("PLAIN", b"AGE=")),
    (b"AUTH PLAIN =", Auth("PLAIN", b"=")),
    (b"STAT", Stat()),
    (b"LIST", List(None)),
    (b"LIST 1", List(ONE)),
    (b"UIDL", Uidl(None)),
    (b"UIDL 1", Uidl(ONE)),
    (b"RETR 1", Retr(ONE)),
    (b"TOP 1 0", Top(ONE, 0)),
    (b"TOP 1 99999999", Top(ONE, 99999999)),
    (b"DELE 1", Dele(ONE)),
    (b"RSET", Rset()),
    (b"LAST", Last()),
    (b"NOOP", Noop()),
    (b"QUIT", Quit()),
    (b"CAPA", Capa()),
    (b"STLS", Stls()),
    (b"UTF8", Utf8()),
    (b"LANG", Lang(None)),
    (b"LANG *", Lang("*")),
]


@pytest.mark.parametrize(("line", "command"), COMMANDS)
def test_a_line_becomes_its_command(line: bytes, command: Command) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(("line", "command"), COMMANDS)
def test_letter_case_of_the_keyword_does_not_matter(line: bytes, command: Command) -> None:
    """RFC 1939 section 3."""
    verb, _, rest = line.partition(b" ")
    for spelled in (verb.lower(), verb.capitalize(), verb.swapcase()):
        assert parse((spelled + b" " + rest) if rest else spelled) == command


@pytest.mark.parametrize(
    ("line", "command"), [pair for pair in COMMANDS if not isinstance(pair[1], Pass)]
)
def test_double_trailing_and_leading_blanks_do_not_matter(
    line: bytes, command: Command
) -> None:
    assert parse(b" \t" + line.replace(b" ", b"   ") + b" \t ") == command


@pytest.mark.parametrize(
    ("line", "password"),
    [
        (b"PASS two words", "two words"),
        (b"PASS  leading", " leading"),
        (b"PASS trailing ", "trailing "),
        (b"PASS \t", "\t"),
        (b" \tpass x ", "x "),
        (b"PASS pass pass", "pass pass"),
        (b"PASS", ""),
        (b"PASS ", ""),
    ],
)
def test_a_password_keeps_every_blank(line: bytes, password: str) -> None:
    """RFC 1939 section 7."""
    assert parse(line) == Pass(password)


def test_a_user_name_keeps_its_inner_blanks_alone() -> None:
    assert parse(b"USER  front desk  printer ") == User("front desk  printer")


def test_an_apop_name_may_hold_blanks_and_its_digest_capitals() -> None:
    assert parse(b"APOP front  desk  " + DIGEST.upper().encode()) == Apop("front  desk", DIGEST)


def test_a_mechanism_is_named_in_capitals() -> None:
    assert parse(b"AUTH login  dGVzdA==") == Auth("LOGIN", b"dGVzdA==")


@pytest.mark.parametrize("octets", [b"caf\xe9", b"caf\xc3\xa9", b"\xff\xfe"])
def test_names_and_passwords_lose_no_octet_of_any_encoding(octets: bytes) -> None:
    user, password = parse(b"USER " + octets), parse(b"PASS " + octets)
    assert isinstance(user, User)
    assert isinstance(password, Pass)
    assert user.name.encode("utf-8", "surrogateescape") == octets
    assert password.password.encode("utf-8", "surrogateescape") == octets


@pytest.mark.parametrize(
    "line",
    [
        b"", b" ", b"\t", b"\r", b"LAST 1", b"XTND XMIT", b"LANG de en", b"UTF8 now", b"RETR1", b"RETR\t1",
        b"QUIT\r", b"GET / HTTP/1.1", b"\xff\xfe", b"USER", b"USER  ", b"USER \x0b", b"APOP", b"APOP mrose",
        b"APOP " + b"0" * 32, b"APOP  " + b"0" * 32, b"APOP mrose " + b"0" * 31,
        b"APOP mrose " + b"0" * 33, b"AUTH PLAIN a b", b"STAT 1", b"LIST 1 2", b"UIDL 1 2",
        b"RETR", b"RETR 1 2", b"TOP", b"TOP 1", b"TOP 1 2 3", b"DELE", b"DELE 1 2", b"RSET 1",
        b"NOOP now", b"QUIT now", b"CAPA all", b"STLS now",
    ],
)  # fmt: skip
def test_what_is_no_command_is_refused(line: bytes) -> None:
    with pytest.raises(BadCommand):
        parse(line)


@pytest.mark.parametrize("line", [b"\0", b"NOOP\0", b"PASS a\0b", b"USER \0", b"AUTH PLAIN \0"])
def test_nul_is_refused_in_every_command(line: bytes) -> None:
    with pytest.raises(BadCommand, match="NUL"):
        parse(line)


@pytest.mark.parametrize(
    "word",
    [
        b"0", b"00", b"-1", b"+1", b"1.0", b"1e3", b"0x1", b"one", b"1,", b"1:2", b"*", b"1_0",
        b"\xb2", b"\xd9\xa1", b"9" * (NUMBER_DIGITS_MAX + 1), b"9" * 200,
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", [b"RETR %b", b"DELE %b", b"LIST %b", b"UIDL %b", b"TOP %b 1"])
def test_what_is_no_message_number_is_refused(verb: bytes, word: bytes) -> None:
    with pytest.raises(BadCommand):
        parse(verb % word)


@pytest.mark.parametrize("word", [b"-1", b"1.5", b"all", b"9" * (NUMBER_DIGITS_MAX + 1)])
def test_what_is_no_count_of_lines_is_refused(word: bytes) -> None:
    with pytest.raises(BadCommand):
        parse(b"TOP 1 " + word)


def test_leading_zeros_and_the_longest_number_are_taken() -> None:
    assert parse(b"RETR 007") == Retr(MessageNumber(7))
    assert parse(b"TOP 1 000") == Top(ONE, 0)
    longest = b"9" * NUMBER_DIGITS_MAX
    assert parse(b"DELE " + longest) == Dele(MessageNumber(int(longest)))


@given(st.integers(1, 10**NUMBER_DIGITS_MAX - 1), st.integers(0, 10**NUMBER_DIGITS_MAX - 1))
def test_every_number_in_range_comes_back(number: int, lines: int) -> None:
    assert parse(b"TOP %d %d" % (number, lines)) == Top(MessageNumber(number), lines)
    assert parse(b"LIST %d" % number) == List(MessageNumber(number))


@given(octets_of(*(line for line, _ in COMMANDS), b" ", b"\t", b"-", b"1", b"\0", most=4))
def test_no_line_raises_anything_but_bad_command(line: bytes) -> None:
    try:
        command = parse(line)
    except BadCommand as refusal:
        text = str(refusal)
        assert text.isascii()
        assert text.isprintable()
        assert 0 < len(text) <= 80
        assert not text.startswith("[")
    else:
        assert command == parse(line)


@given(st.binary(max_size=60))
def test_a_refusal_never_repeats_what_was_sent(noise: bytes) -> None:
    """An echo would let a stranger forge a reply."""
    with pytest.raises(BadCommand) as refusal:
        parse(b"XQZJ9" + noise + b"XQZJ9")
    assert "XQZJ9" not in str(refusal.value)


@pytest.mark.parametrize(
    "command",
    [Pass("hush"), Apop("mrose", "hush"), Auth("PLAIN", b"hush")],
    ids=["pass", "apop", "auth"],
)
def test_no_secret_shows_in_a_command_that_is_printed(command: Command) -> None:
    assert "hush" not in repr(command)
    assert "hush" not in str(command)
