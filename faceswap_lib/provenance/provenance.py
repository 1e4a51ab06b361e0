"""What a swap says about itself: Content Credentials inside the file, or a signed sidecar beside it.

Nothing here needs a network: the certificate is this computer's own, there is no time-stamping service, and nothing is
looked up when a file is checked.

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
from faceswap_lib.provenance.statement import describe_facts, to_line, to_plain, to_printable

logger = logging.getLogger(__name__)

PROGRAM = "faceswap_lib"
INSTALL = "pip install c2pa-python"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProvenanceClaims:
    """What is known about a swap when it is written.

    All of it can be read by whoever gets the file; of paths only the last part is kept.

    Attributes:
        inputs: The file or folder whose face was changed, then those the new face was learnt from; empty where a
            camera was changed.
        run: Name of the run whose networks wrote the face.
        run_id: What tells it from other runs of that name.
        steps: How many steps it was trained.
        direction: `a2b` or `b2a`.
        consent: The consent statements, word for word.
        options: Options of the conversion as plain JSON.
        uncovered: Names of the videos and pictures it was made from that no recorded consent is for.
        people: How many people the input shows, and how many of them were swapped; None where nobody counted.
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
    """Where the facts about a swap are.

    Attributes:
        sidecar: The file beside the swap, or None if the facts are inside it.
        signed: Whether this computer's key signed them.
    """

    sidecar: pathlib.Path | None
    signed: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class VerificationResult:
    """What a file says about itself, and whether that can be believed.

    Attributes:
        ours: Whether it was signed on this computer, by this program.
        intact: Whether it is, bit for bit in all that is signed, what its credentials describe.
        summary: Lines for a person; the first is the verdict.
        facts: What the credentials state, as written by `write_provenance`; empty if there are none of ours.
    """

    ours: bool
    intact: bool
    summary: tuple[str, ...]
    facts: dict


def write_provenance(out: pathlib.Path, facts: ProvenanceClaims, *, name: str | None = None) -> Provenance:
    """Says in a finished file, or beside it, that it is a swap.

    Where c2pa is installed and knows the format, the file is replaced by itself with a manifest inside; otherwise, and
    for a folder of pictures, a sidecar is written. The file is never lost: if signing fails it stays as it was.

    Args:
        out: The finished file or folder, under its own name or a temporary one.
        facts: What to say.
        name: The name it will have in that folder; unless given, the one it has.

    Returns:
        Where the facts are.

    Raises:
        InputError: If `out` or an input is missing.
        FaceswapError: If it cannot be signed or written; the message says why.
    """
    out = pathlib.Path(out)
    beside = out.with_name(name or out.name)
    for path in (out, *facts.inputs):
        if not pathlib.Path(path).exists():
            raise InputError(f"no such file: {path}; what a swap says of itself needs it")
    stated = _state(facts, beside.name)
    if out.is_file() and out.suffix.lower() in EMBEDDED_FORMATS and has_c2pa():
        embed(out, stated, facts.inputs)
        return Provenance(sidecar=None, signed=True)
    sidecar, signed = write_sidecar(out, beside, stated)
    if not has_c2pa():
        logger.info("c2pa is not installed (%s): what the swap says of itself is in %s", INSTALL, sidecar.name)
    return Provenance(sidecar=sidecar, signed=signed)


def verify(path: pathlib.Path) -> VerificationResult:
    """Reads what a file says about itself and checks it, without a network.

    Args:
        path: A file, or a folder with a sidecar.

    Returns:
        The verdict; a file without credentials is neither intact nor ours.

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
        return _judge_embedded(inside, path)
    beside = read_sidecar(path)
    if beside is not None:
        return _judge_sidecar(beside, path)
    if inside is not None:
        line = f"cannot be judged: the file or its credentials are damaged ({to_printable(inside.unreadable)})"
        return VerificationResult(ours=False, intact=False, summary=(line,), facts={})
    if path.is_file() and not has_c2pa():
        lines = [
            "cannot be judged here: no sidecar lies beside it, and without c2pa-python nobody can look inside",
            f"it may carry credentials all the same; to look inside: {INSTALL}",
        ]
    else:
        lines = ["no credentials", "that says nothing about the file: cutting, converting or uploading it removes them"]
    return VerificationResult(ours=False, intact=False, summary=tuple(lines), facts={})


def _judge_embedded(found: Embedded, path: pathlib.Path) -> VerificationResult:
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
        who = "" if found.trusted else "Who signed cannot be told: anybody can make such a key. "
        lines.append(f"Nothing signed in the file has changed. {who}That it is true is the signer's word.")
    ours = intact and found.trusted and bool(found.facts)
    return VerificationResult(ours=ours, intact=intact, summary=tuple(lines), facts=found.facts)


def _judge_sidecar(found: SidecarFinding, path: pathlib.Path) -> VerificationResult:
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


def _state(facts: ProvenanceClaims, title: str) -> dict:
    """The facts as plain JSON, with the inputs' digests; bytes of names that are no UTF-8 are replaced."""
    inputs = [
        {"name": path.name, "sha256": _digest_once(*_identity(path)), "role": "changed" if index == 0 else "face"}
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


def _identity(path: pathlib.Path) -> tuple[pathlib.Path, int]:
    """Tells one state of a path from the next: folders change with any of their files."""
    newest = max((file.stat().st_mtime_ns for file in path.rglob("*")), default=0) if path.is_dir() else 0
    return path.resolve(), max(newest, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest_once(path: pathlib.Path, _changed: int) -> str:
    """The digest of an input, read once for many pictures made from it."""
    try:
        return content_digest(path)
    except OSError as error:
        raise FaceswapError(f"cannot read {path} ({error.strerror}); check its permissions") from error
