"""Content Credentials (C2PA) inside a picture or video, by c2pa-python."""

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
"""Suffixes of files that credentials are put into."""

ASSERTION = "org.faceswap-lib.swap"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

# No network, no thumbnails: nothing of the inputs' pictures goes into the file.
_SETTINGS = {
    "core": {"allowed_network_hosts": [], "backing_store_memory_threshold_in_mb": 16},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}, "created_assertion_labels": ["c2pa.actions", ASSERTION]},
}
_UNTRUSTED = "signingCredential.untrusted"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Embedded:
    """What was found inside a file.

    Attributes:
        unreadable: Why the file cannot be taken apart, empty if it can.
        problems: C2PA's codes of what does not fit, empty if everything does; who signed is no problem here.
        trusted: Whether this computer's certificate signed it.
        facts: The facts of our own assertion, empty in credentials of another program.
        earlier: The facts of a swap that this file was made from, where another program signed after us.
        generator: The program that made the credentials, as it says.
    """

    unreadable: str = ""
    problems: tuple[str, ...] = ()
    trusted: bool = False
    facts: dict = dataclasses.field(default_factory=dict)
    earlier: dict = dataclasses.field(default_factory=dict)
    generator: str = ""


def has_c2pa() -> bool:
    """Whether c2pa-python can be used here."""
    try:
        import c2pa  # noqa: F401
    except ImportError:
        return False
    except (RuntimeError, OSError) as error:  # its native part does not know this machine
        logger.warning("c2pa is installed but cannot be used here (%s)", error)
        return False
    return True


def embed(path: pathlib.Path, facts: dict, inputs: Sequence[pathlib.Path]) -> None:
    """Replaces a file by itself with a signed manifest inside; after an error it is as it was.

    Args:
        path: A finished file of `EMBEDDED_FORMATS`.
        facts: Plain JSON, with `title`, `program`, `version`, `time` and `inputs`.
        inputs: The files that `facts["inputs"]` describe, in the same order; credentials of theirs are taken over.

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
    """Reads and checks the manifest inside a file; None if there is none or the format has no place for one.

    Raises:
        InputError: If the file cannot be read, or its credentials are bigger than is taken on.
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
    return None if store is None else _judge(store, key)


def read_manifest(path: pathlib.Path) -> dict:
    """Reads the manifest inside a file as C2PA writes it down, without judging it; `verify` does that.

    Returns:
        The active manifest as plain JSON; empty if there is none, it cannot be read, or the format has no place for it.

    Raises:
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
    """All manifests of a file and what c2pa found when it checked them; None if there are none."""
    import c2pa

    kind = _format_of(path)
    try:
        # a file, not its name: that may hold bytes which c2pa cannot take
        with c2pa.Context.from_dict(_settings_for(key)) as context, path.open("rb") as file:
            reader = c2pa.Reader.try_create(kind, file, context=context)
            if reader is None:
                return None
            with reader:
                text = reader.json()
    except c2pa.C2paError.NotSupported:
        return None
    CREDENTIALS_BYTES.check(len(text), path)
    return json.loads(text)


def _judge(store: dict, key: SigningKey | None) -> Embedded:
    """Makes one finding of what c2pa read and checked; in a damaged file any part of it can be missing."""
    manifests, label = store.get("manifests") or {}, store.get("active_manifest")
    active = manifests.get(label) or {}
    state = store.get("validation_state")
    results = store.get("validation_results") or {}
    failures = (results.get("activeManifest") or {}).get("failure") or []
    problems = [failure["code"] for failure in failures if failure["code"] != _UNTRUSTED]
    if not problems and (state not in ("Valid", "Trusted") or not active):
        problems = [status["code"] for status in store.get("validation_status") or []] or ["damaged"]
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


def _manifest(facts: dict, kind: str) -> dict:
    """The manifest's definition; options are JSON text, because c2pa reads a list of numbers back as bytes."""
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
    """Names an input by title and hash; its pictures stay out, its own credentials come along."""
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
            logger.warning("%s is named by its hash alone, its own credentials cannot be read (%s)", source, error)
    builder.add_ingredient(ingredient, "application/octet-stream", io.BytesIO())


def _format_of(path: pathlib.Path) -> str | None:
    """The format that a name promises; c2pa looks at the bytes as well."""
    return EMBEDDED_FORMATS.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]


def _settings_for(key: SigningKey | None) -> dict:
    """Settings under which only this computer's authority is trusted."""
    return {**_SETTINGS, "trust": {"trust_anchors": key.authority.decode()}} if key else _SETTINGS


def _facts_in(manifest: dict) -> dict:
    """The facts as they were stated, from anybody's manifest; empty where they are not of our form."""
    found = [entry["data"] for entry in manifest.get("assertions", []) if entry["label"] == ASSERTION]
    if not found or not isinstance(found[0], dict):
        return {}
    try:
        return {**found[0], "options": json.loads(found[0]["options"])}
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}


def _generator(manifest: dict) -> str:
    infos = manifest.get("claim_generator_info") or []
    if infos and "name" in infos[0]:
        return f"{infos[0]['name']} {infos[0].get('version', '')}".strip()
    return str(manifest.get("claim_generator") or "")
