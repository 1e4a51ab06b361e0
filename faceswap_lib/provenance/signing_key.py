"""Manages the key with which this computer signs its swaps, and its certificate.

Both are created on first use and stored in one file. A local certificate authority signs the certificate. The
authority's private key is never stored, so nobody can issue a second certificate in its name. The certificate contains
no name of the computer or its user.
"""

import contextlib
import dataclasses
import datetime
import logging
import os
import pathlib
import stat
import tempfile
import typing

from faceswap_lib.errors import FaceswapError
from faceswap_lib.provenance.certificate_authority import issue_certificate

logger = logging.getLogger(__name__)

KEY_FILE = "signing-key.pem"
HOME_VARIABLE = "FACESWAP_HOME"
MOST_BYTES = 64 * 1024
"""Maximum size of a key file in bytes. A real one has less than 3,000."""

_ELSEWHERE = f"set {HOME_VARIABLE} to a folder of your own that can be written"
_KINDS = [b"PRIVATE KEY", b"CERTIFICATE", b"CERTIFICATE"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SigningKey:
    """Ed25519 key and its certificates, in PEM.

    Attributes:
        private_key: The private key, PKCS 8.
        certificate: The certificate that is included in signatures.
        authority: The certificate of the authority that signed `certificate`.
    """

    private_key: bytes = dataclasses.field(repr=False)
    certificate: bytes
    authority: bytes

    def sign(self, data: bytes) -> bytes:
        """Computes the Ed25519 signature of some bytes, 64 bytes."""
        return self._private().sign(data)

    @property
    def public_key(self) -> bytes:
        """Public key, 32 bytes."""
        return self._private().public_key().public_bytes_raw()

    @property
    def serial_number(self) -> int:
        """Serial number of the certificate, which is random."""
        from cryptography import x509

        return x509.load_pem_x509_certificate(self.certificate).serial_number

    def _private(self) -> typing.Any:
        """Loads the private key."""
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        return load_pem_private_key(self.private_key, None)


def config_folder() -> pathlib.Path:
    """Returns the folder of the key: `FACESWAP_HOME`, else `faceswap_lib` in the user's configuration folder.

    `XDG_CONFIG_HOME` is used only if it is absolute, as its specification requires, so that the location of the key
    does not depend on the current folder.

    Raises:
        FaceswapError: If the operating system has no home folder for this user.
    """
    try:
        if home := os.environ.get(HOME_VARIABLE):
            return pathlib.Path(home).expanduser()
        base = pathlib.Path(os.environ.get("XDG_CONFIG_HOME") or "")
        return (base if base.is_absolute() else pathlib.Path.home() / ".config") / "faceswap_lib"
    except RuntimeError as error:
        raise FaceswapError(
            f"expected a home folder to keep the signing key in, got none ({error}); {_ELSEWHERE}"
        ) from error


def check_signing_key() -> None:
    """Checks that outputs can be signed, before any long work: reads this computer's key, or creates it.

    If `cryptography` is not installed, outputs are not signed, and nothing is checked.

    Raises:
        FaceswapError: If a missing key cannot be stored, or an existing key cannot be read or is damaged.
    """
    if has_cryptography():
        read_or_make_key()


def has_cryptography() -> bool:
    """Returns whether the package `cryptography` is installed. Without it, outputs are not signed."""
    try:
        import cryptography.x509  # noqa: F401
    except ImportError:
        return False
    return True


def read_key() -> SigningKey | None:
    """Reads this computer's key; returns None if there is none yet.

    Raises:
        FaceswapError: If the file cannot be read or is not a valid key file.
    """
    path = config_folder() / KEY_FILE
    try:
        data = _read_small(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FaceswapError(f"cannot read the signing key {path} ({error.strerror}); check its permissions") from error
    parts = data.split(b"-----BEGIN ")[1:]
    if [part.partition(b"-----")[0] for part in parts] != _KINDS:
        raise _key_file_error(path, "something else")
    private_key, certificate, authority = (b"-----BEGIN " + part for part in parts)
    key = SigningKey(private_key=private_key, certificate=certificate, authority=authority)
    if has_cryptography():
        _check_key(key, path)
    return key


def read_or_make_key() -> SigningKey:
    """Reads this computer's key; creates it on first use.

    If several processes create a key at the same time, all of them use the key of the first one to finish. Only the
    owner can read the file, for any umask. If others can read an existing file, that permission is removed.

    Raises:
        FaceswapError: If the key cannot be read or stored, or its certificate is not valid at the current time.
    """
    if (key := read_key()) is not None:
        _restrict_to_owner(config_folder() / KEY_FILE)
        _check_dates(key)
        return key
    folder = config_folder()
    try:
        _make_folder(folder)
        made = _write_first(folder / KEY_FILE, b"".join(issue_certificate()))
    except OSError as error:
        raise FaceswapError(f"cannot keep a signing key in {folder} ({error.strerror}); {_ELSEWHERE}") from error
    if made:
        logger.info("made a key to sign swaps with: %s; keep it secret", folder / KEY_FILE)
    return typing.cast(SigningKey, read_key())


def _read_small(path: pathlib.Path) -> bytes:
    """Reads a regular file that is not too large to be a key."""
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would block
        raise _key_file_error(path, "a folder or a device")
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise _key_file_error(path, f"more than {MOST_BYTES:,} bytes")
    return data


def _check_key(key: SigningKey, path: pathlib.Path) -> None:
    """Checks that the key and its certificates are valid and belong together."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        private = key._private()
        leaf, authority = map(x509.load_pem_x509_certificate, (key.certificate, key.authority))
        leaf.verify_directly_issued_by(authority)
        public = typing.cast(typing.Any, leaf.public_key()).public_bytes_raw()  # other kinds of keys: AttributeError
    except (ValueError, TypeError, AttributeError, InvalidSignature) as error:
        raise _key_file_error(path, f"damaged ones ({str(error) or type(error).__name__})") from error
    if not isinstance(private, Ed25519PrivateKey) or private.public_key().public_bytes_raw() != public:
        raise _key_file_error(path, "a key and the certificate of another one")


def _check_dates(key: SigningKey) -> None:
    """Checks that the certificate is valid at the current time."""
    from cryptography import x509

    leaf, now = x509.load_pem_x509_certificate(key.certificate), datetime.datetime.now(datetime.timezone.utc)
    first, last = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not first <= now <= last:
        raise FaceswapError(
            f"the key's certificate is valid from {first:%Y-%m-%d} to {last:%Y-%m-%d}, and this computer's clock says "
            f"{now:%Y-%m-%d}: a signature would not count; set the clock right"
        )


def _key_file_error(path: pathlib.Path, got: str) -> FaceswapError:
    """Builds the error for an invalid key file."""
    return FaceswapError(
        f"{path}: expected a private key and two certificates, got {got}; move the file away and a new key is made "
        "(what was signed with the old one then counts as signed elsewhere)"
    )


def _make_folder(folder: pathlib.Path) -> None:
    """Creates the folder of the key, accessible to the owner only. An existing folder is not changed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)  # the umask may have removed permissions of the owner


def _restrict_to_owner(path: pathlib.Path) -> None:
    """Removes all permissions on the key file except those of its owner."""
    if os.name == "nt" or not (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        return
    try:
        path.chmod(0o600)
    except OSError as error:
        logger.warning("others can read the signing key %s, and that cannot be changed (%s)", path, error.strerror)
        return
    logger.warning("others could read the signing key %s (mode %o): now only you can", path, mode)


def _write_first(path: pathlib.Path, content: bytes) -> bool:
    """Writes the key file, readable by the owner only, unless it exists by now. Returns whether it was written."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # mode 0600, minus the umask
    try:
        with os.fdopen(handle, "wb") as file:
            os.chmod(temporary, 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return _rename_once(pathlib.Path(temporary), path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _rename_once(temporary: pathlib.Path, path: pathlib.Path) -> bool:
    """Renames a complete file unless the target exists. Returns whether it was renamed."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # file systems such as Google Drive's and those of USB sticks have no hard links
        if path.exists():
            return False
        temporary.rename(path)
    return True
