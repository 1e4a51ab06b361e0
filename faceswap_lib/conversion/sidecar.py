"""What a file is, written beside it: for formats that carry no Content Credentials, or where c2pa is not installed.

SWAP.mkv.provenance.json holds the facts, the SHA-256 of the file, and an Ed25519 signature over both by this computer's
key, where the package `cryptography` is installed.
"""

import base64
import dataclasses
import hashlib
import json
import pathlib
import typing

from faceswap_lib.conversion.certificate import read_key, read_or_make_key
from faceswap_lib.errors import FaceswapError
from faceswap_lib.files import file_digest, write_json

SUFFIX = ".provenance.json"
SCHEMA = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class SidecarFinding:
    """What a sidecar says about its file.

    Attributes:
        matches: Whether the file is the one that was described.
        signature: `ours` (this computer's key), `foreign` (another key), `none`, `broken` (the sidecar was changed) or
            `unchecked` (`cryptography` is not installed here).
        facts: What was written about the file.
    """

    matches: bool
    signature: typing.Literal["ours", "foreign", "none", "broken", "unchecked"]
    facts: dict


def sidecar_path(path: pathlib.Path) -> pathlib.Path:
    """Where the sidecar of a file or folder lies."""
    return path.with_name(path.name + SUFFIX)


def content_digest(path: pathlib.Path) -> str:
    """SHA-256 in hexadecimal of a file's bytes, or of a folder: of one line "digest name" per file, sorted by name."""
    if not path.is_dir():
        return file_digest(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = (f"{file_digest(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def write_sidecar(out: pathlib.Path, beside: pathlib.Path, facts: dict) -> tuple[pathlib.Path, bool]:
    """Writes the sidecar of a finished file.

    Args:
        out: The file or folder as it lies there now.
        beside: Where it is or will be; the sidecar gets this name and `SUFFIX`.
        facts: Plain JSON.

    Returns:
        The sidecar, and whether it is signed.

    Raises:
        FaceswapError: If the key cannot be kept or the sidecar cannot be written.
    """
    content = {"schema": SCHEMA, "sha256": content_digest(out), "facts": facts}
    path, signature = sidecar_path(beside), _sign(content)
    try:
        write_json(path, {**content, "signature": signature})
    except OSError as error:
        raise FaceswapError(f"cannot write {path} ({error.strerror}); check the folder and the free space") from error
    return path, signature is not None


def read_sidecar(path: pathlib.Path) -> SidecarFinding | None:
    """Checks a file or folder against the sidecar beside it; None if there is none.

    Raises:
        FaceswapError: If this computer's own key cannot be read.
    """
    if not sidecar_path(path).exists():
        return None
    try:
        written = json.loads(sidecar_path(path).read_text(encoding="utf-8"))
        signature = written.pop("signature")
        finding = SidecarFinding(
            matches=written["sha256"] == content_digest(path),
            signature=_check(written, signature),
            facts=dict(written["facts"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return SidecarFinding(matches=False, signature="broken", facts={})
    return finding


def _canonical(content: dict) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _sign(content: dict) -> dict | None:
    if not _has_cryptography():
        return None
    key = read_or_make_key()
    signature, public = (base64.b64encode(value).decode() for value in (key.sign(_canonical(content)), key.public_key))
    return {"algorithm": "Ed25519", "public_key": public, "value": signature}


def _check(content: dict, signature: dict | None) -> typing.Literal["ours", "foreign", "none", "broken", "unchecked"]:
    if signature is None:
        return "none"
    if not _has_cryptography():
        return "unchecked"
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = base64.b64decode(signature["public_key"], validate=True)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(signature["value"]), _canonical(content))
    except InvalidSignature:
        return "broken"
    key = read_key()
    return "ours" if key is not None and key.public_key == public else "foreign"


def _has_cryptography() -> bool:
    try:
        import cryptography.x509  # noqa: F401
    except ImportError:
        return False
    return True
