import hashlib
import re
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cli.command_line import Owner


def fingerprint(path: Path) -> str:
    [*_, certificate] = x509.load_pem_x509_certificates(path.read_bytes())
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def digits(text: str) -> str:
    return re.sub(r"[^0-9a-f]", "", text.lower())


def test_show_names_every_certificate_with_its_fingerprint(owner: Owner) -> None:
    infos = owner.must("cert", "show", "--json").json
    assert [(info["kind"], Path(info["path"]).name) for info in infos] == [
        ("ca", "ca.pem"),
        ("server", "server-p256.pem"),
        ("server", "server-rsa.pem"),
    ]
    out = owner.must("cert", "show").out
    for info in infos:
        assert digits(info["fingerprint"]) == fingerprint(Path(info["path"]))
        assert info["fingerprint"] in out
    assert infos[1]["names"] == ["localhost", "127.0.0.1", "::1"]


def test_ca_is_exported_in_pem_and_der(owner: Owner) -> None:
    pem = owner.must("cert", "ca").octets
    der = owner.must("cert", "ca", "--der").octets
    assert pem == (owner.state / "tls" / "ca.pem").read_bytes()
    assert x509.load_der_x509_certificate(der) == x509.load_pem_x509_certificate(pem)


def test_ca_is_written_to_a_file_where_one_is_named(owner: Owner) -> None:
    path = owner.folder / "ca.der"
    said = owner.must("cert", "ca", "--der", "--out", str(path))
    assert str(path) in said.out
    assert x509.load_der_x509_certificate(path.read_bytes())


def test_a_file_that_cannot_be_written_is_one_sentence(owner: Owner) -> None:
    said = owner.runs("cert", "ca", "--out", str(owner.folder))
    assert said.code == 4
    assert str(owner.folder) in said.sentence


def test_renew_keeps_the_ca_and_changes_the_rest(owner: Owner) -> None:
    ca = (owner.state / "tls" / "ca.pem").read_bytes()
    before = [info["fingerprint"] for info in owner.must("cert", "show", "--json").json]
    assert owner.must("cert", "renew").out == "Renewed.\n"
    after = [info["fingerprint"] for info in owner.must("cert", "show", "--json").json]
    assert after[0] == before[0]
    assert not set(after[1:]) & set(before[1:])
    assert (owner.state / "tls" / "ca.pem").read_bytes() == ca


def test_renew_takes_up_the_names_of_config_toml(owner: Owner) -> None:
    text = owner.config.read_text("utf-8") + '[tls]\nnames = ["popbridge.lan"]\n'
    owner.config.write_text(text, "utf-8")
    owner.must("cert", "renew")
    infos = owner.must("cert", "show", "--json").json
    assert [info["names"] for info in infos[1:]] == [["popbridge.lan"]] * 2


def test_renew_leaves_certificates_of_the_owner_alone(owner: Owner) -> None:
    rsa = owner.state / "tls" / "server-rsa.pem"
    before = rsa.read_bytes()
    owner.config.write_text(
        f"{owner.config.read_text('utf-8')}"
        f'[[tls.certificates]]\ncertificate = "{rsa}"\nkey = "{rsa}"\n',
        "utf-8",
    )
    said = owner.runs("cert", "renew")
    assert said.code == 1
    assert "replace those files" in said.sentence
    assert rsa.read_bytes() == before
    assert [info["kind"] for info in owner.must("cert", "show", "--json").json] == ["server"]


@pytest.mark.parametrize("verb", [("show",), ("ca",), ("ca", "--der"), ("renew",)])
def test_without_a_state_folder_every_verb_says_run_init(
    newcomer: Owner, verb: tuple[str, ...]
) -> None:
    said = newcomer.runs("cert", *verb)
    assert said.code == 4
    assert "popbridge init" in said.sentence
