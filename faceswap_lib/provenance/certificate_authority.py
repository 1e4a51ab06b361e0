"""Creates a signing key, and a certificate for it from a local certificate authority.

The authority's private key is discarded at once.

Source: C2PA Technical Specification 2.x, "Certificate Profiles": X.509 version 3, not self-signed, digital signature as
the only key usage, one of the permitted extended key usages (here e-mail protection), and both key identifiers.
"""

import datetime
import typing

# There is no trusted time-stamp of a signature, so the certificate must still be valid when the signature is checked.
_VALID_FOR = datetime.timedelta(days=365 * 50)


def issue_certificate() -> tuple[bytes, bytes, bytes]:
    """Creates an Ed25519 key and its certificates.

    Returns:
        The private key (PKCS 8), its certificate, and the certificate of the authority that signed it, all in PEM.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.x509.oid import ExtendedKeyUsageOID

    authority_key, private = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    authority = (
        _start("local authority", authority_key.public_key(), authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage("key_cert_sign"), critical=True)
        .sign(authority_key, None)
    )
    certificate = (
        _start("this computer's swaps", private.public_key(), authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(authority_key, None)
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return (
        private.private_bytes(pem, pkcs8, serialization.NoEncryption()),
        certificate.public_bytes(pem),
        authority.public_bytes(pem),
    )


def _start(subject: str, public: typing.Any, issuer: typing.Any) -> typing.Any:
    """Creates the builder of a certificate for the public key `public`; `issuer` is the public key of the authority."""
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
    """Builds an X.509 name with the given common name."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "faceswap_lib, made locally"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _key_usage(purpose: str) -> typing.Any:
    """Builds a key usage extension with one purpose only."""
    from cryptography import x509

    every = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: name == purpose for name in every})
