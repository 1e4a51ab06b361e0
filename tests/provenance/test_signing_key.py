"""This computer's key and certificate."""

import logging
import os
import pathlib
import subprocess
import sys

import pytest

from faceswap_lib.errors import FaceswapError
from faceswap_lib.provenance import signing_key
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def cryptography():
    return pytest.importorskip("cryptography")


def test_it_is_made_once_told_once_and_read_by_its_owner_alone(home, caplog):
    with caplog.at_level(logging.INFO, "faceswap_lib"):
        first, second = signing_key.read_or_make_key(), signing_key.read_or_make_key()
    assert first == second and "private" not in repr(first).lower()
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert str(home / "signing-key.pem") in caplog.text
    assert [path.name for path in home.iterdir()] == ["signing-key.pem"]
    if os.name != "nt":  # Windows keeps no such bits; its users' folders are their own
        assert (home / "signing-key.pem").stat().st_mode & 0o777 == 0o600 and home.stat().st_mode & 0o777 == 0o700


def test_the_certificate_has_what_the_profile_asks():
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = signing_key.read_or_make_key()
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
    program = "from faceswap_lib.provenance import signing_key as c; print(c.read_or_make_key().public_key.hex())"
    environment = {**os.environ, "FACESWAP_HOME": str(home)}
    command = [sys.executable, "-c", program]
    runs = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) for _ in range(4)]
    keys = {run.communicate()[0] for run in runs}
    assert [run.returncode for run in runs] == [0] * 4 and len(keys) == 1
    assert [path.name for path in home.iterdir()] == ["signing-key.pem"]


def test_the_loser_of_a_race_takes_the_winners_key(monkeypatch, caplog):
    winner = signing_key.read_or_make_key()
    answers = iter([None, winner])
    monkeypatch.setattr(signing_key, "read_key", lambda: next(answers))
    caplog.clear()
    with caplog.at_level(logging.INFO, "faceswap_lib"):
        assert signing_key.read_or_make_key() == winner
    assert not caplog.records
    monkeypatch.undo()


def test_a_damaged_key_is_an_error_that_says_what_to_do(home):
    home.mkdir()
    (home / "signing-key.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(FaceswapError, match="signing-key.pem: expected a private key and two certificates"):
        signing_key.read_or_make_key()
    assert (home / "signing-key.pem").read_bytes() == b"-----BEGIN PRIVATE KEY-----\n"


def test_where_it_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("FACESWAP_HOME", "~/keys")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert signing_key.config_folder() == tmp_path / "keys"
    monkeypatch.delenv("FACESWAP_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert signing_key.config_folder() == tmp_path / "xdg" / "faceswap_lib"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert signing_key.config_folder() == tmp_path / ".config" / "faceswap_lib"


posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such bits")


@posix_only
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o377, 0o777], ids="{:o}".format)
def test_no_umask_opens_or_locks_the_key(home, umask):
    home.parent.mkdir(exist_ok=True)
    before = os.umask(umask)
    try:
        signing_key.check_signing_key()
    finally:
        os.umask(before)
    assert (home / "signing-key.pem").stat().st_mode & 0o777 == 0o600 and home.stat().st_mode & 0o777 == 0o700


@posix_only
def test_a_key_that_others_could_read_is_closed_to_them_once_and_said(home, caplog):
    first = signing_key.read_or_make_key()
    (home / "signing-key.pem").chmod(0o644)
    assert signing_key.read_or_make_key() == first == signing_key.read_or_make_key()
    assert (home / "signing-key.pem").stat().st_mode & 0o777 == 0o600
    assert [record.levelname for record in caplog.records if "others could read" in record.message] == ["WARNING"]


@posix_only
def test_a_folder_that_the_user_made_stays_as_it_is(home):
    home.mkdir(mode=0o755)
    signing_key.check_signing_key()
    assert home.stat().st_mode & 0o777 == 0o755


def test_where_no_second_name_can_be_given_the_key_is_kept_all_the_same(home, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    first = signing_key.read_or_make_key()
    assert signing_key.read_or_make_key() == first and [path.name for path in home.iterdir()] == ["signing-key.pem"]
    assert not signing_key._write_first(home / "signing-key.pem", b"another")
    assert signing_key.read_key() == first


def damage(home: pathlib.Path, kind: str) -> None:
    """Puts something wrong in the place of the key."""
    first = signing_key.read_or_make_key()
    path = home / "signing-key.pem"
    path.rename(home / "old.pem")
    second = signing_key.read_or_make_key()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        content = {
            "empty": b"",
            "text": b"-----BEGIN PRIVATE KEY-----\nno\n-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n",
            "huge": first.private_key + bytes(1 << 20),
            "mixed": first.private_key + second.certificate + second.authority,
            "another authority": first.private_key + first.certificate + second.authority,
            "RSA": rsa_key() + first.certificate + first.authority,
        }[kind]
        path.write_bytes(content)


def rsa_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return rsa.generate_private_key(65537, 2048).private_bytes(*form)


@pytest.mark.parametrize(
    "kind",
    ["empty", "text", "huge", "mixed", "another authority", "RSA", "folder", pytest.param("pipe", marks=posix_only)],
)
def test_what_is_no_key_is_noticed_before_the_work(home, kind):
    damage(home, kind)
    with pytest.raises(FaceswapError, match="signing-key.pem: expected a private key and two certificates, got"):
        signing_key.check_signing_key()


@posix_only
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_noticed_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir(mode=0o500)
    monkeypatch.setenv("FACESWAP_HOME", str(tmp_path / "locked" / "home"))
    with pytest.raises(FaceswapError, match="cannot keep a signing key in .*set FACESWAP_HOME to a folder"):
        signing_key.check_signing_key()


def test_a_drive_that_takes_no_writes_is_noticed_before_the_work(home, monkeypatch):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(signing_key.tempfile, "mkstemp", refuse)
    with pytest.raises(FaceswapError, match=r"cannot keep a signing key .*Read-only file system.*set FACESWAP_HOME"):
        signing_key.check_signing_key()


def test_a_file_in_the_place_of_the_folder_is_noticed_and_no_key_is_read(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FACESWAP_HOME", str(tmp_path / "file" / "home"))
    assert signing_key.read_key() is None
    with pytest.raises(FaceswapError, match="cannot keep a signing key in .*set FACESWAP_HOME to a folder"):
        signing_key.check_signing_key()


def test_a_user_without_a_home_folder_is_told_what_to_set(monkeypatch):
    for name in ("FACESWAP_HOME", "XDG_CONFIG_HOME", "HOME", "USERPROFILE", "HOMEDRIVE", "HOMEPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pathlib.Path, "home", lambda: pathlib.Path("~nobody-of-this-name").expanduser())
    with pytest.raises(FaceswapError, match="expected a home folder .*set FACESWAP_HOME to a folder"):
        signing_key.check_signing_key()


def test_a_relative_configuration_folder_does_not_count(tmp_path, monkeypatch):
    monkeypatch.delenv("FACESWAP_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "here")
    assert signing_key.config_folder() == tmp_path / ".config" / "faceswap_lib"


def test_a_clock_before_the_certificate_is_noticed_before_the_work(monkeypatch):
    signing_key.check_signing_key()
    early = signing_key.datetime.datetime.now(signing_key.datetime.timezone.utc) - signing_key.datetime.timedelta(9)

    class Clock(signing_key.datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return early

    monkeypatch.setattr(signing_key.datetime, "datetime", Clock)
    assert signing_key.read_key() is not None
    with pytest.raises(FaceswapError, match="this computer's clock says .*set the clock right"):
        signing_key.check_signing_key()


def test_without_cryptography_there_is_nothing_to_check(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    signing_key.check_signing_key()
    assert not home.exists()
