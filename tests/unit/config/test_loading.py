import os
import re
from pathlib import Path

import attrs
import pytest

from bridge.config import (
    AlertsConfig,
    AuditConfig,
    CertificateFiles,
    Config,
    LimitsConfig,
    ListenerConfig,
    LogConfig,
    LoginHookConfig,
    ShapingConfig,
    SpoolConfig,
    SyncConfig,
    TlsConfig,
    VaultConfig,
    WatchConfig,
    find_config,
    load_config,
    loading,
)
from bridge.config import settings as module
from bridge.errors import ConfigError

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"
CLASSES: dict[str, type[attrs.AttrsInstance]] = {
    "": Config,
    "[[listener]]": ListenerConfig,
    "[tls]": TlsConfig,
    "[[tls.certificates]]": CertificateFiles,
    "[limits]": LimitsConfig,
    "[sync]": SyncConfig,
    "[spool]": SpoolConfig,
    "[shaping]": ShapingConfig,
    "[vault]": VaultConfig,
    "[alerts]": AlertsConfig,
    "[login_hook]": LoginHookConfig,
    "[watch]": WatchConfig,
    "[audit]": AuditConfig,
    "[log]": LogConfig,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def loaded(file: Path, text: str) -> Config:
    file.write_text(text, encoding="utf-8")
    return load_config(file)


def complaints(file: Path, text: str) -> list[str]:
    """Return the lines of the error, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        loaded(file, text)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{file}:") for line in lines)
    return [line.removeprefix(f"{file}:") for line in lines]


# ---- the example


def test_the_example_says_what_no_file_would_say() -> None:
    assert load_config(EXAMPLE) == Config()


def test_an_empty_file_means_the_defaults(file: Path) -> None:
    assert loaded(file, "") == Config()


def example_comments() -> dict[tuple[str, str], str]:
    """Return the comment above each key of the example, by table and key."""
    found: dict[tuple[str, str], str] = {}
    table, comment = "", ""
    for row in EXAMPLE.read_text(encoding="utf-8").splitlines():
        header = re.fullmatch(r"(?:# )?(\[+[a-z._]+\]+)", row)
        pair = re.match(r"(?:# )?([a-z_]+) = ", row)
        if header:
            table, comment = header[1], ""
        elif pair:
            found[table, pair[1]], comment = comment, ""
        elif row.startswith("# "):
            comment += row[1:]
        else:
            comment = ""
    return found


def test_every_key_stands_in_the_example_under_a_comment() -> None:
    keys = {
        (table, field.name)
        for table, cls in CLASSES.items()
        for field in attrs.fields(cls)
        if table or (f"[{field.name}]" not in CLASSES and f"[[{field.name}]]" not in CLASSES)
    }
    comments = example_comments()
    assert set(comments) == keys
    assert [key for key, comment in comments.items() if len(comment) < 20] == []


def test_the_certificates_of_the_example_work_when_they_are_uncommented(file: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("certificates = []\n", "")
    text = re.sub(r"(?m)^# (\[\[tls|certificate = |key = )", r"\1", text)
    own = CertificateFiles(Path("/etc/popbridge/server.pem"), Path("/etc/popbridge/server.key"))
    assert loaded(file, text) == Config(tls=TlsConfig(certificates=(own,)))


def test_every_class_of_the_configuration_is_checked_here() -> None:
    named = {
        value for name, value in vars(module).items() if name.endswith(("Config", "Files"))
    }
    assert named == set(CLASSES.values())


def test_the_example_names_the_unit_of_every_number_that_has_one() -> None:
    for (_, key), comment in example_comments().items():
        if key.endswith("_octets"):
            assert "ctets" in comment, key
        if key.endswith(("_timeout", "_max", "_grace", "_gap", "interval", "autologout")):
            assert "econds" in comment, key


# ---- where it lies


def test_an_option_comes_before_the_environment(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml", "config.toml"):
        (tmp_path / name).touch()
    environ = {"POPBRIDGE_CONFIG": "b.toml"}
    assert find_config(Path("a.toml"), environ, tmp_path) == tmp_path / "a.toml"
    assert find_config(None, environ, tmp_path) == tmp_path / "b.toml"
    assert find_config(None, {"POPBRIDGE_CONFIG": ""}, tmp_path) == tmp_path / "config.toml"
    assert find_config(tmp_path / "b.toml", {}, Path("/")) == tmp_path / "b.toml"


def test_the_folder_one_stands_in_comes_before_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "system.toml"
    system.touch()
    monkeypatch.setattr(loading, "SYSTEM_CONFIG", system)
    assert find_config(None, {}, tmp_path) == system
    (tmp_path / "config.toml").touch()
    assert find_config(None, {}, tmp_path) == tmp_path / "config.toml"


@pytest.mark.parametrize(
    ("option", "environ", "source"),
    [
        (Path("gone.toml"), {"POPBRIDGE_CONFIG": "config.toml"}, "--config"),
        (None, {"POPBRIDGE_CONFIG": "gone.toml"}, "$POPBRIDGE_CONFIG"),
    ],
)
def test_a_named_file_that_is_missing_is_not_replaced_by_another(
    tmp_path: Path, option: Path | None, environ: dict[str, str], source: str
) -> None:
    (tmp_path / "config.toml").touch()
    with pytest.raises(ConfigError, match=re.escape(f"gone.toml, which {source} names")):
        find_config(option, environ, tmp_path)


def test_without_any_file_every_place_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SYSTEM_CONFIG", tmp_path / "etc" / "config.toml")
    with pytest.raises(ConfigError) as caught:
        find_config(None, {}, tmp_path)
    told = str(caught.value)
    for place in (
        f"{tmp_path}/config.toml",
        f"{tmp_path}/etc/",
        "--config",
        "$POPBRIDGE_CONFIG",
    ):
        assert place in told


# ---- paths


def test_paths_start_at_the_folder_of_the_file(file: Path) -> None:
    certificates = '[[tls.certificates]]\ncertificate = "c.pem"\nkey = "/k.pem"'
    config = loaded(file, f'state_dir = "s"\n[vault]\nkey_file = "k"\n{certificates}')
    assert config.state_dir == file.parent / "s"
    assert config.vault.key_file == file.parent / "k"
    assert config.tls.certificates == (CertificateFiles(file.parent / "c.pem", Path("/k.pem")),)


def test_paths_are_absolute_even_where_the_file_was_named_relatively(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('state_dir = "s"', encoding="utf-8")
    monkeypatch.chdir(file.parent)
    config = load_config(Path(file.name))
    assert config.state_dir.is_absolute()
    assert config.vault.key_file == config.state_dir / "master.key"


@pytest.mark.parametrize("vault", ["", "[vault]", '[vault]\nkey_file = ""'])
def test_a_key_file_that_is_not_named_lies_in_the_state_folder(file: Path, vault: str) -> None:
    assert loaded(file, f'state_dir = "/s"\n{vault}').vault.key_file == Path("/s/master.key")


def test_a_relative_state_folder_is_measured_in_full(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 80)
    folder.mkdir()
    octets = len(os.fsencode(folder)) + 2
    [told] = complaints(folder / "config.toml", 'state_dir = "s"')
    assert told.startswith(f'1: state_dir = "s": is {octets} octets long in full')


# ---- faults


def test_a_fault_names_line_key_value_and_what_would_be_valid(file: Path) -> None:
    assert complaints(file, '\n[[listener]]\ntls = "implict"\n') == [
        '3: listener[0].tls = "implict": must be one of implicit, starttls, none'
    ]


def test_all_faults_are_told_at_once_in_the_order_of_the_file(file: Path) -> None:
    told = complaints(
        file,
        """\
state_dir = 5
evnt_loop = "auto"
[[listener]]
port = "995"
allow = [
  "10.0.0.0/8",
  "192.168.1.5/24",
]
[[listener]]
port = 70000
[limits]
autologout = 10
"colour" = 1
[log]
level = "loud"
""",
    )
    assert [line.partition(" ")[0] for line in told] == [
        "1:", "2:", "4:", "7:", "9:", "10:", "12:", "13:", "15:",
    ]  # fmt: skip
    assert told[1] == "2: evnt_loop: is not a key; did you mean event_loop?"
    assert told[3].startswith('7: listener[0].allow[1] = "192.168.1.5/24": ')
    assert told[4] == (
        '9: listener[1].name: "pop3s" names listener[0] already; must be another name'
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("listener = 5", "1: listener = 5: must be a list in [square brackets]"),
        ("[listener]\nport = 1", "1: listener = {...}: must be in double brackets, [[...]], "),
        ("listener = [5, {port = true}]", "1: listener[0] = 5: must be a table of keys"),
        ("limits = 5", "1: limits = 5: must be a table of keys and values"),
        ("vault = 5", "1: vault = 5: must be a table of keys and values"),
        ("[vault]\nkey_file = 5", "2: vault.key_file = 5: must be a path"),
        ("[[tls.certificates]]\nkey = 'k'", "1: tls.certificates[0].certificate: is missing"),
    ],
)
def test_the_wrong_kind_of_table_is_told_like_any_fault(
    file: Path, text: str, told: str
) -> None:
    assert complaints(file, text)[0].startswith(told)


def listener(text: str) -> str:
    return f"[[listener]]\n{text}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('tls = "none"', '2: listener[0].tls = "none": lets nobody log in'),
        (
            "require_tls_for_auth = false",
            "2: listener[0].require_tls_for_auth = false: needs plaintext_from",
        ),
        (
            'plaintext_from = ["10.0.0.0/8"]',
            '2: listener[0].plaintext_from = ["10.0.0.0/8"]: must be empty, or',
        ),
        (
            'require_tls_for_auth = false\nplaintext_from = ["10.1.1.1", "8.8.8.8"]',
            '3: listener[0].plaintext_from = ["10.1.1.1", "8.8.8.8"]: names 8.8.8.8/32, which',
        ),
        (
            'require_tls_for_auth = false\nplaintext_from = ["::/0"]',
            '3: listener[0].plaintext_from = ["::/0"]: names ::/0, which must lie inside',
        ),
        (
            'policy = "legacy10"',
            '2: listener[0].policy = "legacy10": needs an allow of its own',
        ),
        (
            'policy = "legacy10"\nallow = ["0.0.0.0/0"]',
            '2: listener[0].policy = "legacy10": needs an allow of its own',
        ),
        (
            'policy = "legacy10"\nallow = ["192.168.1.0/24", "10.0.0.0/8"]',
            '2: listener[0].policy = "legacy10": needs an allow of its own',
        ),
    ],
)
def test_values_that_make_no_sense_together_are_refused(
    file: Path, text: str, told: str
) -> None:
    [line] = complaints(file, listener(text))
    assert line.startswith(told)


def test_a_login_hook_has_one_way_to_be_told(file: Path) -> None:
    program, socket = 'command = ["/bin/true"]', 'socket = "/run/x/logins"'
    [line] = complaints(file, f"[login_hook]\n{program}\n{socket}")
    assert line.startswith(
        '3: login_hook.socket = "/run/x/logins": must be empty where command'
    )
    for one in (program, socket):
        loaded(file, f"[login_hook]\n{one}")


@pytest.mark.parametrize("path", ["logins", "./logins", "/" + "x" * 107, "/run/a\\u0000b"])
def test_a_socket_that_cannot_be_one_is_refused(file: Path, path: str) -> None:
    [line] = complaints(file, f'[login_hook]\nsocket = "{path}"')
    assert "must be the full path of a Unix socket, of at most 107 octets" in line


@pytest.mark.parametrize(
    "text",
    [
        'tls = "none"\napop = true',
        'tls = "none"\nrequire_tls_for_auth = false\nplaintext_from = ["192.168.1.0/24"]',
        'tls = "starttls"\nrequire_tls_for_auth = false\nplaintext_from = ["fd00::/8"]',
        'policy = "legacy10"\nallow = ["192.168.1.7"]',
        'policy = "legacy10"\nallow = ["127.0.0.0/8", "10.7.0.0/16", "fd00:1::/64"]',
    ],
)
def test_values_that_make_sense_together_are_taken(file: Path, text: str) -> None:
    assert loaded(file, listener(text)).listener != Config().listener


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('bind = "127.0.0.1"', 'bind = "127.0.0.1"'),
        ('bind = "0.0.0.0"', 'bind = "127.0.0.1"'),
        ('bind = "::1"', 'bind = "::"'),
        ('bind = "::1"', 'bind = "0:0:0:0:0:0:0:1"'),
    ],
)
def test_two_listeners_in_one_place_are_refused(file: Path, first: str, second: str) -> None:
    text = listener(f'name = "a"\n{first}') + listener(f'name = "b"\n{second}')
    [told] = complaints(file, text)
    assert told.startswith("4: listener[1].port: 995 is taken on ")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('bind = "127.0.0.1"', 'bind = "127.0.0.2"'),
        ('bind = "0.0.0.0"', 'bind = "::"'),
        ("port = 110", "port = 995"),
        ("port = 0", "port = 0"),
    ],
)
def test_two_listeners_in_two_places_are_taken(file: Path, first: str, second: str) -> None:
    text = listener(f'name = "a"\n{first}') + listener(f'name = "b"\n{second}')
    assert len(loaded(file, text).listener) == 2


def test_what_rests_on_a_faulty_value_is_not_guessed(file: Path) -> None:
    text = listener('tls = "none"\napop = "yes"') + listener('name = 5\nport = "x"')
    assert [line.partition(" ")[0] for line in complaints(file, text)] == ["3:", "5:", "6:"]


def test_what_rests_on_right_values_is_told_beside_the_faulty_ones(file: Path) -> None:
    text = listener('tls = "none"\nport = 70000')
    assert [line.partition(" ")[0] for line in complaints(file, text)] == ["2:", "3:"]


def test_nothing_in_the_file_can_forge_a_line_of_the_complaint(file: Path) -> None:
    text = '"a\\nb:1: c" = 1\nevent_loop = "x\\u001b[2J\\ny"\n'
    told = complaints(file, text)
    assert len(told) == 2
    assert all(line.isprintable() for line in told)
