from pathlib import Path

import attrs

from bridge.config import (
    AlertsConfig,
    CertificateFiles,
    Config,
    ListenerConfig,
    LoginHookConfig,
    TlsConfig,
    settings_by_key,
)
from bridge.config.keys import Setting, listener_of

FAX = ListenerConfig("fax", port=1110, apop=True, banner="")


def keys_of(cls: type[attrs.AttrsInstance]) -> set[str]:
    return {field.name for field in attrs.fields(cls)}


def test_every_setting_has_a_key() -> None:
    settings = settings_by_key(Config())
    listener = {f"listener.pop3s.{key}" for key in keys_of(ListenerConfig) - {"name"}}
    assert {key for key in settings if key.startswith("listener.")} == listener
    assert {key.partition(".")[0] for key in settings} == keys_of(Config)
    assert len(settings) == len(set(settings))


def test_values_are_spelled_much_as_in_the_file() -> None:
    config = Config(listener=(ListenerConfig(), FAX), state_dir=Path("/s"))
    told = {key: one.text for key, one in settings_by_key(config).items()}
    assert told["state_dir"] == "/s"
    assert told["limits.connections"] == "500"
    assert told["sync.interval"] == "60"
    assert told["listener.pop3s.apop"] == "false"
    assert told["listener.fax.apop"] == "true"
    assert told["listener.fax.port"] == "1110"
    assert told["listener.fax.banner"] == '""'
    assert told["listener.fax.plaintext_from"] == "[]"
    assert told["listener.fax.allow"].startswith("[127.0.0.0/8, ::1/128, ")


def test_own_certificates_are_numbered() -> None:
    own = CertificateFiles(Path("/a.pem"), Path("/a.key"))
    settings = settings_by_key(Config(tls=TlsConfig(certificates=(own, own))))
    assert settings["tls.certificates.1.key"] == Setting("/a.key")
    assert "tls.certificates" not in settings


def test_what_programs_are_called_with_is_secret_and_nothing_else() -> None:
    config = Config(
        alerts=AlertsConfig(command=("/bin/tell", "--token", "sesame")),
        login_hook=LoginHookConfig(command=("/bin/open", "sesame")),
    )
    settings = settings_by_key(config)
    secret = {key for key, one in settings.items() if one.is_secret}
    assert secret == {"alerts.command", "login_hook.command"}
    assert "sesame" not in f"{config}{settings}"


def test_a_key_says_which_listener_it_is_about() -> None:
    assert listener_of("listener.fax.port") == "fax"
    assert listener_of("limits.connections") is None
    assert listener_of("state_dir") is None
