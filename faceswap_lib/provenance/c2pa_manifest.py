"""Embeds and reads Content Credentials (C2PA) of an image or video, with c2pa-python."""

import contextlib
import dataclasses
import io
import json
import logging
import mimetypes
import pathlib
import typing
from collections.abc import Sequence

from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import FaceswapError, InputError
from faceswap_lib.limits import CREDENTIALS_BYTES
from faceswap_lib.provenance.signing_key import SigningKey, read_key, read_or_make_key

logger = logging.getLogger(__name__)

EMBEDDED_FORMATS = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
}
"""MIME types of the file formats in which credentials can be embedded, by suffix."""

ASSERTION = "org.faceswap-lib.swap"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

# No network, and no thumbnails: no image of the inputs is stored in the file.
_SETTINGS = {
    "core": {"allowed_network_hosts": [], "backing_store_memory_threshold_in_mb": 16},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}, "created_assertion_labels": ["c2pa.actions", ASSERTION]},
}
_UNTRUSTED = "signingCredential.untrusted"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Embedded:
    """Credentials that were found inside a file.

    Attributes:
        unreadable: Why the file cannot be parsed; empty if it can.
        problems: C2PA codes of failed checks; empty if all checks pass. An unknown signer is not a problem here.
        trusted: Whether this computer's certificate signed it.
        facts: The facts of our own assertion; empty in credentials of another program.
        earlier: The facts of a swap that this file was made from, if another program signed the file afterwards.
        generator: Name of the program that created the credentials, as stated in them.
    """

    unreadable: str = ""
    problems: tuple[str, ...] = ()
    trusted: bool = False
    facts: dict = dataclasses.field(default_factory=dict)
    earlier: dict = dataclasses.field(default_factory=dict)
    generator: str = ""


def has_c2pa() -> bool:
    """Returns whether c2pa-python can be used on this computer."""
    try:
        import c2pa  # noqa: F401
    except ImportError:
        return False
    except (RuntimeError, OSError) as error:  # its native library does not support this machine
        logger.warning("c2pa is installed but cannot be used here (%s)", error)
        return False
    return True


def embed(path: pathlib.Path, facts: dict, inputs: Sequence[pathlib.Path]) -> None:
    """Embeds a signed manifest in a file, in place. After an error the file is unchanged.

    Args:
        path: A finished file of `EMBEDDED_FORMATS`.
        facts: Plain JSON, with `title`, `program`, `version`, `time` and `inputs`.
        inputs: The files that `facts["inputs"]` describes, in the same order. Their own credentials are included.

    Raises:
        FaceswapError: If the file cannot be signed or written.
    """
    import c2pa

    key = read_or_make_key()
    kind = EMBEDDED_FORMATS[path.suffix.lower()]
    try:
        with contextlib.ExitStack() as stack:
            context = stack.enter_context(c2pa.Context.from_dict(_SETTINGS))
            builder = stack.enter_context(c2pa.Builder(_manifest(facts, kind), context=context))
            for index, (source, entry) in enumerate(zip(inputs, facts["inputs"], strict=True)):
                _add_ingredient(builder, source, entry, index)
            info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ED25519, key.certificate, key.private_key, None)
            signer = stack.enter_context(c2pa.Signer.from_info(info))
            temporary = stack.enter_context(replacing(path))
            with path.open("rb") as plain, temporary.open("w+b") as signed:
                builder.sign(signer, kind, plain, signed)
    except (c2pa.C2paError, OSError) as error:
        raise FaceswapError(
            f"{path} is finished but could not be signed ({error}); check the free space, or move the key file away"
        ) from error


def read_embedded(path: pathlib.Path) -> Embedded | None:
    """Reads and checks the manifest inside a file.

    Returns:
        The result of the checks; None if there is no manifest or the format cannot contain one.

    Raises:
        InputError: If the file cannot be read, or its credentials are larger than `limits` allow.
        FaceswapError: If this computer's own key cannot be read.
    """
    import c2pa

    key = read_key()
    try:
        store = _read_store(path, key)
    except (c2pa.C2paError, ValueError, RecursionError) as error:
        return Embedded(unreadable=str(error))
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}); check its permissions") from error
    return None if store is None else _evaluate(store, key)


def read_manifest(path: pathlib.Path) -> dict:
    """Reads the manifest inside a file in C2PA's JSON form, without verifying it; see `verify` for that.

    Returns:
        The active manifest as plain JSON; empty if there is none, it is damaged, or the format cannot contain one.

    Raises:
        OSError: If the file cannot be read.
        InputError: If its credentials are larger than `limits` allow.
        FaceswapError: If this computer's own key cannot be read.
    """
    import c2pa

    try:
        store = _read_store(path, read_key()) or {}
    except (c2pa.C2paError, ValueError, RecursionError) as error:
        logger.info("the credentials of %s cannot be read (%s)", path, error)
        return {}
    return (store.get("manifests") or {}).get(store.get("active_manifest")) or {}


def _read_store(path: pathlib.Path, key: SigningKey | None) -> dict | None:
    """Reads all manifests of a file and the results of c2pa's checks; None if there are none."""
    import c2pa

    kind = _format_of(path)
    try:
        # Pass an open file: c2pa does not accept every file name.
        with c2pa.Context.from_dict(_settings_for(key)) as context, path.open("rb") as file:
            reader = c2pa.Reader.try_create(kind, file, context=context)
            if reader is None:
                return None
            with reader:
                text = reader.json()
    except c2pa.C2paError.NotSupported:  # pyright: ignore[reportAttributeAccessIssue]  (c2pa sets it at import)
        return None
    CREDENTIALS_BYTES.check(len(text), path)
    return json.loads(text)


def _evaluate(store: dict, key: SigningKey | None) -> Embedded:
    """Summarizes the manifests and the results of c2pa's checks. In a damaged file, any part can be missing."""
    manifests, label = store.get("manifests") or {}, store.get("active_manifest")
    active = manifests.get(label) or {}
    state = store.get("validation_state")
    results = store.get("validation_results") or {}
    failures = (results.get("activeManifest") or {}).get("failure") or []
    problems = [code for code in map(_code, failures) if code != _UNTRUSTED]
    if not problems and (state not in ("Valid", "Trusted") or not active):
        problems = [_code(status) for status in store.get("validation_status") or []] or ["damaged"]
    others = (manifest for name, manifest in manifests.items() if name != label)
    facts = _facts_in(active)
    serial = active.get("signature_info", {}).get("cert_serial_number")
    return Embedded(
        problems=tuple(dict.fromkeys(problems)),
        trusted=state == "Trusted" and key is not None and serial == str(key.serial_number),
        facts=facts,
        earlier={} if facts else next(filter(None, map(_facts_in, others)), {}),
        generator=_generator(active),
    )


def _code(status: dict) -> str:
    """Returns the code of a result of c2pa's checks; "damaged" if it has none."""
    return status.get("code") or "damaged"


def _manifest(facts: dict, kind: str) -> dict:
    """Builds the manifest definition. Options are stored as JSON text, because c2pa reads lists of numbers as bytes."""
    agent = {"name": facts["program"], "version": facts["version"]}
    edited = {
        "action": "c2pa.edited" if facts["inputs"] else "c2pa.created",
        "when": facts["time"],
        "softwareAgent": agent,
        "digitalSourceType": SOURCE_TYPE,
        "description": "A face was replaced by one that a trained network painted.",
    }
    if len(facts["inputs"]) > 1:
        edited["parameters"] = {"ingredientIds": [str(index) for index in range(1, len(facts["inputs"]))]}
    opened = {"action": "c2pa.opened", "when": facts["time"], "parameters": {"ingredientIds": ["0"]}}
    actions = [opened, edited] if facts["inputs"] else [edited]
    return {
        "title": facts["title"],
        "format": kind,
        "claim_generator_info": [agent],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions, "allActionsIncluded": True}},
            {"label": ASSERTION, "kind": "Json", "data": {**facts, "options": json.dumps(facts["options"])}},
        ],
    }


def _add_ingredient(builder: typing.Any, source: pathlib.Path, entry: dict, index: int) -> None:
    """Adds an input by title and hash, with its own credentials but without its images."""
    import c2pa

    kind = _format_of(source) or ""
    ingredient = {
        "label": str(index),
        "title": entry["name"],
        "format": kind or "application/octet-stream",
        "relationship": "parentOf" if index == 0 else "inputTo",
        "instance_id": f"sha256:{entry['sha256']}",
        "description": f"sha256 {entry['sha256']}",
    }
    if source.is_file() and kind in c2pa.Reader.get_supported_mime_types():
        try:
            with source.open("rb") as file:
                builder.add_ingredient(ingredient, kind, file)
            return
        except c2pa.C2paError as error:
            logger.warning("%s is named by its hash only, its own credentials cannot be read (%s)", source, error)
    builder.add_ingredient(ingredient, "application/octet-stream", io.BytesIO())


def _format_of(path: pathlib.Path) -> str | None:
    """Returns the MIME type for the suffix of a name. c2pa also checks the bytes."""
    return EMBEDDED_FORMATS.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]


def _settings_for(key: SigningKey | None) -> dict:
    """Builds settings that trust only this computer's certificate authority."""
    return {**_SETTINGS, "trust": {"trust_anchors": key.authority.decode()}} if key else _SETTINGS


def _facts_in(manifest: dict) -> dict:
    """Reads the facts from a manifest of any signer; empty if our assertion is missing or malformed."""
    found = [entry["data"] for entry in manifest.get("assertions", []) if entry["label"] == ASSERTION]
    if not found or not isinstance(found[0], dict):
        return {}
    try:
        return {**found[0], "options": json.loads(found[0]["options"])}
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}


def _generator(manifest: dict) -> str:
    """Reads name and version of the program that created a manifest."""
    infos = manifest.get("claim_generator_info") or []
    if infos and "name" in infos[0]:
        return f"{infos[0]['name']} {infos[0].get('version', '')}".strip()
    return str(manifest.get("claim_generator") or "")
