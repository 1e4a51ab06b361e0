"""The key this computer signs its swaps with, and the certificate that goes with it.

It is made on first use and kept in one file. A local authority signs the certificate and is then forgotten: its private
key is never written, so nobody can issue a second certificate in its name. Nothing in the certificate names the
computer or its user.

Source: C2PA Technical Specification 2.x, "Certificate Profiles": X.509 version 3, not signed by itself, a key usage of
digital signatures alone, an extended key usage of which e-mail protection is one that is allowed, both key identifiers.
"""

import contextlib
import dataclasses
import datetime
import logging
import os
import pathlib
import tempfile
import typing

from faceswap_lib.errors import FaceswapError

logger = logging.getLogger(__name__)

KEY_FILE = "signing-key.pem"
HOME_VARIABLE = "FACESWAP_HOME"

# Nothing vouches for the time of a signature, so the certificate must still be valid whenever it is read.
_VALID_FOR = datetime.timedelta(days=365 * 50)


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
    """Where the key is kept: `FACESWAP_HOME`, else `faceswap_lib` in the user's configuration folder."""
    if home := os.environ.get(HOME_VARIABLE):
        return pathlib.Path(home).expanduser()
    base = os.environ.get("XDG_CONFIG_HOME")
    return (pathlib.Path(base) if base else pathlib.Path.home() / ".config") / "faceswap_lib"


def read_key() -> SigningKey | None:
    """Reads this computer's key, or None if it has none yet.

    Raises:
        FaceswapError: If the file cannot be read or holds something else.
    """
    path = config_folder() / KEY_FILE
    try:
        parts = path.read_bytes().split(b"-----BEGIN ")[1:]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FaceswapError(f"cannot read the signing key {path} ({error.strerror}); check its permissions") from error
    kinds = [part.partition(b"-----")[0] for part in parts]
    if kinds != [b"PRIVATE KEY", b"CERTIFICATE", b"CERTIFICATE"]:
        raise FaceswapError(
            f"{path}: expected a private key and two certificates, got something else; move the file away and a new "
            "key is made (what was signed with the old one then counts as signed elsewhere)"
        )
    private_key, certificate, authority = (b"-----BEGIN " + part for part in parts)
    return SigningKey(private_key=private_key, certificate=certificate, authority=authority)


def read_or_make_key() -> SigningKey:
    """Gives this computer's key; makes it on first use.

    Of several processes that make one at the same time, the first to finish wins and all use its key.

    Raises:
        FaceswapError: If it cannot be read or kept.
    """
    if (key := read_key()) is not None:
        return key
    folder = config_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = _write_first(folder / KEY_FILE, _make_key())
    except OSError as error:
        raise FaceswapError(
            f"cannot keep a signing key in {folder} ({error.strerror}); set {HOME_VARIABLE} to a folder of your own"
        ) from error
    if made:
        logger.info("made a key to sign swaps with: %s; keep it to yourself", folder / KEY_FILE)
    return typing.cast(SigningKey, read_key())


def _write_first(path: pathlib.Path, key: SigningKey) -> bool:
    """Writes the key unless there is one by now; says whether it did. Only the owner may read the file."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key.private_key + key.certificate + key.authority)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # whole, and only if nothing is there
        return True
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _make_key() -> SigningKey:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.x509.oid import ExtendedKeyUsageOID

    forgotten, private = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    authority = (
        _start("local authority", forgotten.public_key(), forgotten.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage("key_cert_sign"), critical=True)
        .sign(forgotten, None)
    )
    certificate = (
        _start("this computer's swaps", private.public_key(), forgotten.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(forgotten, None)
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return SigningKey(
        private_key=private.private_bytes(pem, pkcs8, serialization.NoEncryption()),
        certificate=certificate.public_bytes(pem),
        authority=authority.public_bytes(pem),
    )


def _start(subject: str, public: typing.Any, issuer: typing.Any) -> typing.Any:
    """Begins a certificate of `public`, to be signed by the authority with the public key `issuer`."""
    from cryptography import x509

    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)  # clocks differ
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("local authority"))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
    )


def _name(common: str) -> typing.Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "faceswap_lib, made locally"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _key_usage(purpose: str) -> typing.Any:
    """A key usage of one purpose alone."""
    from cryptography import x509

    every = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: name == purpose for name in every})
