"""Writes and verifies the provenance of a swap: Content Credentials inside the file, or a signed sidecar next to it.

This needs no network: the certificate is this computer's own, no time-stamping service is used, and the verification
queries no server.

Source: C2PA Technical Specification 2.x; IPTC Digital Source Type vocabulary.
"""

import dataclasses
import datetime
import functools
import logging
import pathlib
import typing

from faceswap_lib import __version__
from faceswap_lib.errors import FaceswapError, InputError
from faceswap_lib.provenance.c2pa_manifest import EMBEDDED_FORMATS, Embedded, embed, has_c2pa, read_embedded
from faceswap_lib.provenance.folder_digest import count_hidden
from faceswap_lib.provenance.people_count import PeopleCount
from faceswap_lib.provenance.sidecar import SidecarFinding, content_digest, read_sidecar, sidecar_path, write_sidecar
from faceswap_lib.provenance.statement import REENACTMENT, describe_facts, to_line, to_plain, to_printable

logger = logging.getLogger(__name__)

PROGRAM = "faceswap_lib"
INSTALL = "pip install c2pa-python"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProvenanceClaims:
    """Facts about a swap that are stated in its provenance.

    Anybody who receives the file can read them. Only the last part of each path is stored.

    Attributes:
        inputs: The file or folder whose face was changed, then those that the new face comes from; empty for a camera.
        run: Name of the run whose networks generated the face.
        run_id: Unique identifier of the run, among all runs with this name.
        steps: Number of training steps.
        direction: `a2b`, `b2a`, or "reenactment": the first input is then a photo, the second the driver of its motion.
        consent: The consent statements, word for word.
        options: Options of the conversion as plain JSON.
        uncovered: Names of the source videos and images for which no consent is recorded.
        people: Number of people in the input, and how many of them were swapped; None if they were not counted.
    """

    inputs: tuple[pathlib.Path, ...]
    run: str
    run_id: str
    steps: int
    direction: str
    consent: tuple[str, ...]
    options: dict
    uncovered: tuple[str, ...] = ()
    people: PeopleCount | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """Location of the facts about a swap.

    Attributes:
        sidecar: The file next to the swap, or None if the facts are inside the swap.
        signed: Whether this computer's key signed them.
    """

    sidecar: pathlib.Path | None
    signed: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class VerificationResult:
    """Result of verifying a file's provenance.

    Attributes:
        ours: Whether it was signed on this computer, by this program.
        intact: Whether all signed bytes are unchanged, as the credentials describe them.
        summary: Lines of text to show; the first is the verdict.
        facts: The facts in the credentials, as written by `write_provenance`; empty if there are none of ours.
    """

    ours: bool
    intact: bool
    summary: tuple[str, ...]
    facts: dict


def write_provenance(out: pathlib.Path, facts: ProvenanceClaims, *, name: str | None = None) -> Provenance:
    """Writes the provenance of a swap into the finished file or next to it.

    If c2pa is installed and supports the format, a manifest is embedded in the file. Otherwise, and for a folder of
    images, a sidecar is written. If signing fails, the file stays unchanged.

    Args:
        out: The finished file or folder, under its own name or a temporary one.
        facts: The facts to state.
        name: The final name of the file in its folder; None for its current name.

    Returns:
        The location of the facts.

    Raises:
        InputError: If `out` or an input is missing.
        FaceswapError: If it cannot be signed or written; the message says why.
    """
    out = pathlib.Path(out)
    beside = out.with_name(name or out.name)
    for path in (out, *facts.inputs):
        if not pathlib.Path(path).exists():
            raise InputError(f"no such file: {path}; it is needed for the provenance of the swap")
    stated = _to_plain_facts(facts, beside.name)
    if out.is_file() and out.suffix.lower() in EMBEDDED_FORMATS and has_c2pa():
        embed(out, stated, facts.inputs)
        return Provenance(sidecar=None, signed=True)
    sidecar, signed = write_sidecar(out, beside, stated)
    if not has_c2pa():
        logger.info("c2pa is not installed (%s): the provenance of the swap is in %s", INSTALL, sidecar.name)
    return Provenance(sidecar=sidecar, signed=signed)


def verify(path: pathlib.Path) -> VerificationResult:
    """Verifies the provenance of a file, without a network.

    Args:
        path: A file, or a folder with a sidecar.

    Returns:
        The verdict. A file without credentials is neither intact nor ours.

    Raises:
        InputError: If there is no such file.
        FaceswapError: If this computer's own key cannot be read.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise InputError(f"no such file: {path}; check the name and the folder")
    if not (path.is_file() or path.is_dir()):
        raise InputError(f"{path}: expected a file or a folder, got a device or a pipe; name the file itself")
    inside = read_embedded(path) if path.is_file() and has_c2pa() else None
    if inside is not None and not inside.unreadable:
        return _summarize_embedded(inside, path)
    beside = read_sidecar(path)
    if beside is not None:
        return _summarize_sidecar(beside, path)
    if inside is not None:
        line = f"cannot be judged: the file or its credentials are damaged ({to_printable(inside.unreadable)})"
        return VerificationResult(ours=False, intact=False, summary=(line,), facts={})
    if path.is_file() and not has_c2pa():
        lines = [
            "cannot be judged here: it has no sidecar, and without c2pa-python, credentials in a file cannot be read",
            f"to check whether it contains credentials: {INSTALL}",
        ]
    else:
        lines = ["no credentials", "that says nothing about the file: cutting, converting or uploading it removes them"]
    return VerificationResult(ours=False, intact=False, summary=tuple(lines), facts={})


def _summarize_embedded(found: Embedded, path: pathlib.Path) -> VerificationResult:
    """Builds the verdict from embedded credentials."""
    intact = not found.problems
    if not intact:
        first = f"altered since it was signed ({to_printable(', '.join(found.problems))})"
    else:
        first = f"intact; signed by {'this' if found.trusted else 'an unknown'} computer"
    lines = [first, *map(to_line, describe_facts(found.facts, path.name))]
    if not found.facts:
        lines.append(f"credentials of another program: {to_printable(found.generator or 'unnamed')}")
    if found.earlier:
        lines.append("made from a file that was:")
        lines += [f"  {to_line(row)}" for row in describe_facts(found.earlier)]
    if intact:
        who = "" if found.trusted else "The signer is unknown: anybody can make such a key. "
        lines.append(f"Nothing signed in the file has changed. {who}Only the signer vouches for its truth.")
    ours = intact and found.trusted and bool(found.facts)
    return VerificationResult(ours=ours, intact=intact, summary=tuple(lines), facts=found.facts)


def _summarize_sidecar(found: SidecarFinding, path: pathlib.Path) -> VerificationResult:
    """Builds the verdict from a sidecar."""
    intact = found.matches and found.signature != "broken"
    name = to_printable(to_plain(sidecar_path(path).name))
    first = {
        "ours": "intact; signed by this computer",
        "foreign": "intact; signed by an unknown computer",
        "none": "intact; not signed: anybody can have written this",
        "unchecked": "intact; who signed it cannot be checked here: pip install cryptography",
        "broken": f"altered since: {name} is not as it was written",
    }[found.signature]
    if found.signature != "broken" and not found.matches:
        first = f"altered since: the {'folder' if path.is_dir() else 'file'} is not the one that {name} describes"
    if found.problem:
        first = f"{first} ({to_printable(to_plain(found.problem))})"
    lines = [first, *map(to_line, describe_facts(found.facts, path.name))]
    if path.is_dir() and (hidden := count_hidden(path)):
        lines.append(f"not looked at: {hidden} hidden file{'s' if hidden > 1 else ''}, which no signature covers")
    lines.append(f"facts and SHA-256 from {name}, which is lost as soon as the file travels alone")
    ours = intact and found.signature == "ours"
    return VerificationResult(ours=ours, intact=intact, summary=tuple(lines), facts=found.facts)


def _to_plain_facts(facts: ProvenanceClaims, title: str) -> dict:
    """Converts the facts to plain JSON, with the digests of the inputs. Bytes that are not UTF-8 are replaced."""
    roles = ("photo", "driver") if facts.direction == REENACTMENT else ("changed", "face")
    inputs = [
        {
            "name": path.name,
            "sha256": _cached_digest(*_cache_key(path)),
            "role": roles[min(index, 1)],
        }
        for index, path in enumerate(map(pathlib.Path, facts.inputs))
    ]
    apart = ("inputs", "uncovered", "people")
    stated = {key: value for key, value in dataclasses.asdict(facts).items() if key not in apart}
    if facts.uncovered:
        stated["no_consent_for"] = list(facts.uncovered)
    if facts.people is not None:
        stated["people"] = facts.people.to_facts()
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    plain = to_plain({"title": title, "inputs": inputs, **stated})
    return {"program": PROGRAM, "version": __version__, "time": now, **typing.cast(dict, plain)}


def _cache_key(path: pathlib.Path) -> tuple[pathlib.Path, int]:
    """Returns the resolved path and its newest modification time in ns, for folders including all their files."""
    newest = max((file.stat().st_mtime_ns for file in path.rglob("*")), default=0) if path.is_dir() else 0
    return path.resolve(), max(newest, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _cached_digest(path: pathlib.Path, _changed: int) -> str:
    """Computes the digest of an input, and caches it for other outputs that are made from the same input."""
    try:
        return content_digest(path)
    except OSError as error:
        raise FaceswapError(f"cannot read {path} ({error.strerror}); check its permissions") from error
