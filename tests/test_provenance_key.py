"""This computer's key and certificate."""

import logging
import os
import pathlib
import subprocess
import sys

import pytest

from faceswap_lib.conversion import certificate
from faceswap_lib.errors import FaceswapError
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> pathlib.Path:
    """A configuration folder of the test's own."""
    monkeypatch.setenv("FACESWAP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def cryptography():
    return pytest.importorskip("cryptography")


def test_it_is_made_once_told_once_and_read_by_its_owner_alone(home, caplog):
    with caplog.at_level(logging.INFO, "faceswap_lib"):
        first, second = certificate.read_or_make_key(), certificate.read_or_make_key()
    assert first == second and "private" not in repr(first).lower()
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert str(home / "signing-key.pem") in caplog.text
    assert [path.name for path in home.iterdir()] == ["signing-key.pem"]
    if os.name != "nt":  # Windows keeps no such bits; its users' folders are their own
        assert (home / "signing-key.pem").stat().st_mode & 0o777 == 0o600 and home.stat().st_mode & 0o777 == 0o700


def test_the_certificate_has_what_the_profile_asks():
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = certificate.read_or_make_key()
    leaf, authority = map(x509.load_pem_x509_certificate, (key.certificate, key.authority))
    leaf.verify_directly_issued_by(authority)
    assert leaf.version is x509.Version.v3 and leaf.subject != leaf.issuer == authority.subject
    extensions = leaf.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    purposes = list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert purposes == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    above = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == above
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert leaf.public_key().public_bytes_raw() == key.public_key and leaf.serial_number == key.serial_number
    names = {attribute.value for name in (leaf.subject, leaf.issuer) for attribute in name}
    assert names == {"faceswap_lib, made locally", "this computer's swaps", "local authority"}


def test_processes_that_start_together_end_with_one_key(home):
    program = "from faceswap_lib.conversion import certificate as c; print(c.read_or_make_key().public_key.hex())"
    environment = {**os.environ, "FACESWAP_HOME": str(home)}
    command = [sys.executable, "-c", program]
    runs = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) for _ in range(4)]
    keys = {run.communicate()[0] for run in runs}
    assert [run.returncode for run in runs] == [0] * 4 and len(keys) == 1
    assert [path.name for path in home.iterdir()] == ["signing-key.pem"]


def test_the_loser_of_a_race_takes_the_winners_key(monkeypatch, caplog):
    winner = certificate.read_or_make_key()
    answers = iter([None, winner])
    monkeypatch.setattr(certificate, "read_key", lambda: next(answers))
    caplog.clear()
    with caplog.at_level(logging.INFO, "faceswap_lib"):
        assert certificate.read_or_make_key() == winner
    assert not caplog.records
    monkeypatch.undo()


def test_a_damaged_key_is_an_error_that_says_what_to_do(home):
    home.mkdir()
    (home / "signing-key.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(FaceswapError, match="signing-key.pem: expected a private key and two certificates"):
        certificate.read_or_make_key()
    assert (home / "signing-key.pem").read_bytes() == b"-----BEGIN PRIVATE KEY-----\n"


def test_where_it_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("FACESWAP_HOME", "~/keys")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert certificate.config_folder() == tmp_path / "keys"
    monkeypatch.delenv("FACESWAP_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert certificate.config_folder() == tmp_path / "xdg" / "faceswap_lib"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert certificate.config_folder() == tmp_path / ".config" / "faceswap_lib"
