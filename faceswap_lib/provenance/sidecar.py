"""Writes and checks sidecars: provenance files for formats without Content Credentials, or if c2pa is not installed.

SWAP.mkv.provenance.json contains the facts and the SHA-256 of the file. If the package `cryptography` is installed, it
also contains an Ed25519 signature of both with this computer's key. Sidecars of schema 1 are checked by the rules of
schema 1.
"""

import base64
import binascii
import dataclasses
import json
import os
import pathlib
import stat
import typing

from faceswap_lib.atomic_io import file_digest, write_json
from faceswap_lib.errors import FaceswapError, InputError
from faceswap_lib.limits import SIDECAR_BYTES
from faceswap_lib.provenance.folder_digest import folder_digest, folder_digest_1, is_listing_1
from faceswap_lib.provenance.signing_key import has_cryptography, read_key, read_or_make_key

SUFFIX = ".provenance.json"
SCHEMA = 2

Signature = typing.Literal["ours", "foreign", "none", "broken", "unchecked"]

_CONTEXT = {1: b"", 2: b"faceswap_lib sidecar 2\n"}
_KEYS = {1: {"schema", "sha256", "facts"}, 2: {"schema", "kind", "sha256", "facts"}}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SidecarFinding:
    """Result of checking a file against its sidecar.

    Attributes:
        matches: Whether the file is the one that the sidecar describes.
        signature: `ours` (this computer's key), `foreign` (another key), `none`, `broken` (the sidecar was changed) or
            `unchecked` (`cryptography` is not installed here).
        facts: The facts about the file that the sidecar states.
        problem: Details of what is wrong with the sidecar or the folder; empty if there are none.
    """

    matches: bool
    signature: Signature
    facts: dict
    problem: str = ""


def sidecar_path(path: pathlib.Path) -> pathlib.Path:
    """Returns the path of the sidecar of a file or folder."""
    named = path if path.name not in ("", "..") else pathlib.Path(os.path.abspath(path))
    return named.parent / (named.name + SUFFIX)


def content_digest(path: pathlib.Path) -> str:
    """Computes the SHA-256 of a file's bytes or of a folder's files, in hexadecimal. Follows links to files.

    Raises:
        OSError: If a file or folder cannot be read.
    """
    return folder_digest(path, links=True) if path.is_dir() else file_digest(path)


def write_sidecar(out: pathlib.Path, beside: pathlib.Path, facts: dict) -> tuple[pathlib.Path, bool]:
    """Writes the sidecar of a finished file.

    Args:
        out: The current path of the file or folder.
        beside: The final path of the file or folder. The name of the sidecar is this name plus `SUFFIX`.
        facts: Plain JSON.

    Returns:
        The path of the sidecar, and whether it is signed.

    Raises:
        InputError: If a folder contains links, or anything other than files and folders.
        FaceswapError: If the key cannot be stored or the sidecar cannot be written.
    """
    path = sidecar_path(beside)
    try:
        content = {"schema": SCHEMA, **_measure(out), "facts": facts}
        signature = _sign(content)
        write_json(path, {**content, "signature": signature})
    except OSError as error:
        raise FaceswapError(f"cannot write {path} ({error.strerror}); check the folder and the free space") from error
    return path, signature is not None


def read_sidecar(path: pathlib.Path) -> SidecarFinding | None:
    """Checks a file or folder against the sidecar next to it; returns None if there is none.

    Raises:
        InputError: If the sidecar is larger than `limits` allow, or the sidecar or the file cannot be read.
        FaceswapError: If this computer's own key cannot be read.
    """
    place = sidecar_path(path)
    if not os.path.lexists(place):
        return None
    try:
        text = _read_text(place)
        written = json.loads(text, object_pairs_hook=_reject_duplicates, parse_constant=_reject_constant)
        signature = written.pop("signature")
        _check_form(written, signature)
        signed = _check(written, signature)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        problem = str(error) if isinstance(error, _SidecarError) else ""
        return SidecarFinding(matches=False, signature="broken", facts={}, problem=problem)
    except FileNotFoundError:
        return SidecarFinding(matches=False, signature="broken", facts={}, problem="it is a broken link")
    except OSError as error:
        raise InputError(f"cannot read {place} ({error.strerror}); check its permissions") from error
    try:
        matches, problem = _measure_as(written, path), ""
    except InputError as error:
        matches, problem = False, str(error)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}); check its permissions") from error
    return SidecarFinding(matches=matches, signature=signed, facts=written["facts"], problem=problem)


class _SidecarError(ValueError):
    """Error in a sidecar, with a message for the verdict."""


def _read_text(place: pathlib.Path) -> str:
    """Reads a regular file that is not too large. Other types are rejected, because opening a pipe would block."""
    if not stat.S_ISREG(place.stat().st_mode):
        raise _SidecarError("it is not a regular file")
    with place.open("rb") as file:
        data = file.read(SIDECAR_BYTES.value + 1)
    SIDECAR_BYTES.check(max(len(data), place.stat().st_size), place)
    return data.decode("utf-8")


def _reject_duplicates(pairs: list[tuple[str, object]]) -> dict:
    """Builds a dictionary from the pairs of a JSON object.

    Raises:
        _SidecarError: If a key is not unique, because different parsers would then read different values.
    """
    if len({name for name, _ in pairs}) < len(pairs):
        raise _SidecarError("a name appears in it twice")
    return dict(pairs)


def _reject_constant(name: str) -> typing.NoReturn:
    """Rejects NaN and infinity, which Python's parser accepts."""
    raise _SidecarError(f"it contains {name}, which is not valid JSON")


def _check_form(content: dict, signature: typing.Any) -> None:
    """Checks that the keys are exactly the required ones, and that their values have the right type."""
    schema = content["schema"]
    if isinstance(schema, bool) or schema not in _KEYS:
        raise _SidecarError(f"expected schema 1 to {SCHEMA}, got {schema!r:.50}; a newer version may have written it")
    if content.keys() != _KEYS[schema] or not isinstance(content["facts"], dict):
        raise _SidecarError(f"expected {', '.join(sorted(_KEYS[schema]))} and signature")
    keys = {"algorithm", "public_key", "value"}
    if signature is not None and (signature.keys() != keys or signature["algorithm"] != "Ed25519"):
        raise _SidecarError("expected an Ed25519 signature")


def _measure(path: pathlib.Path) -> dict[str, str]:
    """Computes the signed properties of a file or folder: its kind and SHA-256."""
    if path.is_dir():
        return {"kind": "folder", "sha256": folder_digest(path, links=False)}
    return {"kind": "file", "sha256": file_digest(path)}


def _measure_as(content: dict, path: pathlib.Path) -> bool:
    """Checks whether the digest in a sidecar matches a file or folder, by the rules of the sidecar's schema.

    Raises:
        InputError: If the file looks like a list of files that a sidecar of schema 1 can confuse with a folder.
    """
    if content["schema"] == 2:
        return all(content[key] == value for key, value in _measure(path).items())
    if path.is_dir():
        return content["sha256"] == folder_digest_1(path)
    if is_listing_1(path):  # its digest could have been signed for a folder
        raise InputError(f"{path} looks like a list of files, which a sidecar of schema 1 can confuse with a folder")
    return content["sha256"] == file_digest(path)


def _canonical(content: dict) -> bytes:
    """Builds the bytes to sign: the name of the format, then UTF-8 JSON with sorted keys and no whitespace."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _CONTEXT[content["schema"]] + text.encode()


def _sign(content: dict) -> dict | None:
    """Signs the content with this computer's key; returns None if `cryptography` is not installed."""
    if not has_cryptography():
        return None
    key = read_or_make_key()
    signature, public = (base64.b64encode(value).decode() for value in (key.sign(_canonical(content)), key.public_key))
    return {"algorithm": "Ed25519", "public_key": public, "value": signature}


def _check(content: dict, signature: dict | None) -> Signature:
    """Checks the signature of the content."""
    if signature is None:
        return "none"
    if not has_cryptography():
        return "unchecked"
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public, value = (base64.b64decode(signature[key], validate=True) for key in ("public_key", "value"))
        Ed25519PublicKey.from_public_bytes(public).verify(value, _canonical(content))
    except (InvalidSignature, binascii.Error):
        return "broken"
    key = read_key()
    return "ours" if key is not None and key.public_key == public else "foreign"
