"""The key this computer signs its swaps with, and the certificate that goes with it.

It is made on first use and kept in one file. A local authority signs the certificate and is then forgotten: its private
key is never written, so nobody can issue a second certificate in its name. Nothing in the certificate names the
computer or its user.
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
"""Size of a key file above which it is none; one has under 3,000 bytes."""

_ELSEWHERE = f"set {HOME_VARIABLE} to a folder of your own that can be written"
_KINDS = [b"PRIVATE KEY", b"CERTIFICATE", b"CERTIFICATE"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SigningKey:
    """An Ed25519 key and its certificates, PEM.

    Attributes:
        private_key: The private key, PKCS 8.
        certificate: The certificate that signatures carry.
        authority: The certificate of who signed that one.
    """

    private_key: bytes = dataclasses.field(repr=False)
    certificate: bytes
    authority: bytes

    def sign(self, data: bytes) -> bytes:
        """Gives the Ed25519 signature of bytes, 64 bytes."""
        return self._private().sign(data)

    @property
    def public_key(self) -> bytes:
        """The public key, 32 bytes."""
        return self._private().public_key().public_bytes_raw()

    @property
    def serial_number(self) -> int:
        """The certificate's serial number, which is random."""
        from cryptography import x509

        return x509.load_pem_x509_certificate(self.certificate).serial_number

    def _private(self) -> typing.Any:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        return load_pem_private_key(self.private_key, None)


def config_folder() -> pathlib.Path:
    """Where the key is kept: `FACESWAP_HOME`, else `faceswap_lib` in the user's configuration folder.

    `XDG_CONFIG_HOME` counts if it is absolute, as its specification asks: no key depends on the current folder.

    Raises:
        FaceswapError: If the system knows no home folder of this user.
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
    """Checks that outputs can be signed, before work is put into them: reads this computer's key, or makes it.

    Where `cryptography` is not installed nothing is signed, and there is nothing to check.

    Raises:
        FaceswapError: If there is no key and none can be kept, or the one there cannot be read or is damaged.
    """
    if has_cryptography():
        read_or_make_key()


def has_cryptography() -> bool:
    """Whether the package `cryptography` can be used here, without which nothing is signed."""
    try:
        import cryptography.x509  # noqa: F401
    except ImportError:
        return False
    return True


def read_key() -> SigningKey | None:
    """Reads this computer's key, or None if it has none yet.

    Raises:
        FaceswapError: If the file cannot be read or holds something else.
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
        raise _complain(path, "something else")
    private_key, certificate, authority = (b"-----BEGIN " + part for part in parts)
    key = SigningKey(private_key=private_key, certificate=certificate, authority=authority)
    if has_cryptography():
        _check_key(key, path)
    return key


def read_or_make_key() -> SigningKey:
    """Gives this computer's key; makes it on first use.

    Of several processes that make one at the same time, the first to finish wins and all use its key. The file can be
    read by its owner alone, whatever the umask; one that others could read is closed to them.

    Raises:
        FaceswapError: If it cannot be read or kept.
    """
    if (key := read_key()) is not None:
        _close_to_others(config_folder() / KEY_FILE)
        _check_dates(key)
        return key
    folder = config_folder()
    try:
        _make_folder(folder)
        made = _write_first(folder / KEY_FILE, b"".join(issue_certificate()))
    except OSError as error:
        raise FaceswapError(f"cannot keep a signing key in {folder} ({error.strerror}); {_ELSEWHERE}") from error
    if made:
        logger.info("made a key to sign swaps with: %s; keep it to yourself", folder / KEY_FILE)
    return typing.cast(SigningKey, read_key())


def _read_small(path: pathlib.Path) -> bytes:
    """Reads a plain file that is not too big to be a key."""
    if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for its writer
        raise _complain(path, "a folder or a device")
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise _complain(path, f"more than {MOST_BYTES:,} bytes")
    return data


def _check_key(key: SigningKey, path: pathlib.Path) -> None:
    """Checks that the key and its certificates can be read and belong together."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        private = key._private()
        leaf, authority = map(x509.load_pem_x509_certificate, (key.certificate, key.authority))
        leaf.verify_directly_issued_by(authority)
        public = leaf.public_key().public_bytes_raw()
    except (ValueError, TypeError, AttributeError, InvalidSignature) as error:
        raise _complain(path, f"damaged ones ({str(error) or type(error).__name__})") from error
    if not isinstance(private, Ed25519PrivateKey) or private.public_key().public_bytes_raw() != public:
        raise _complain(path, "a key and the certificate of another one")


def _check_dates(key: SigningKey) -> None:
    """Refuses to sign before or after the time for which the certificate is valid."""
    from cryptography import x509

    leaf, now = x509.load_pem_x509_certificate(key.certificate), datetime.datetime.now(datetime.timezone.utc)
    first, last = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not first <= now <= last:
        raise FaceswapError(
            f"the key's certificate is valid from {first:%Y-%m-%d} to {last:%Y-%m-%d}, and this computer's clock says "
            f"{now:%Y-%m-%d}: a signature would not count; set the clock right"
        )


def _complain(path: pathlib.Path, got: str) -> FaceswapError:
    return FaceswapError(
        f"{path}: expected a private key and two certificates, got {got}; move the file away and a new key is made "
        "(what was signed with the old one then counts as signed elsewhere)"
    )


def _make_folder(folder: pathlib.Path) -> None:
    """Makes the folder of the key, closed to others; one that the user has made stays as it is."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)  # the umask may have taken more away


def _close_to_others(path: pathlib.Path) -> None:
    """Takes the right to read the key from everybody but its owner."""
    if os.name == "nt" or not (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        return
    try:
        path.chmod(0o600)
    except OSError as error:
        logger.warning("others can read the signing key %s, and that cannot be changed (%s)", path, error.strerror)
        return
    logger.warning("others could read the signing key %s (mode %o): now only you can", path, mode)


def _write_first(path: pathlib.Path, content: bytes) -> bool:
    """Writes the key unless there is one by now; says whether it did. Only the owner may read the file."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # mode 0600, less what the umask takes
    try:
        with os.fdopen(handle, "wb") as file:
            os.chmod(temporary, 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return _name_first(pathlib.Path(temporary), path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _name_first(temporary: pathlib.Path, path: pathlib.Path) -> bool:
    """Gives a whole file its name unless that is taken; says whether it did."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # drives such as Google's, and those of sticks, know no second name of a file
        if path.exists():
            return False
        temporary.rename(path)
    return True
