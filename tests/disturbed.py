"""Extractions and conversions that are disturbed at a chosen moment, and what an undisturbed one leaves."""

import contextlib
import errno
import fractions
import io
import os
import pathlib
import random
import signal
import sys
import time
import typing

from faceswap_lib.conversion import ConvertConfig, OutputConfig, convert_video
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.errors import InputError
from faceswap_lib.faces import FaceTrack, VideoTracks
from faceswap_lib.facesets import ExtractConfig, Workspace, extract_faces, write_eye_masks
from faceswap_lib.media import VideoWriter
from tests.fakes import ListedDetector, PaintSwapper, make_face
from tests.videos import pattern_frame

FACE = make_face(80, 80, 40)
FRAMES = 12
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EINTR)


def make_clip(path: pathlib.Path) -> pathlib.Path:
    with VideoWriter(path, width=160, height=160, fps=fractions.Fraction(25)) as writer:
        for index in range(FRAMES):
            writer.write(pattern_frame(index, 160, 160))
    return path


def extract(clip: pathlib.Path, root: pathlib.Path) -> None:
    """With what is saved to look at, and eye masks."""
    config = ExtractConfig(landmarks="five", min_sharpness=0, save_faces=True)
    extract_faces(clip, Workspace(root), "src", ListedDetector([(FACE,)] * FRAMES), config=config)
    write_eye_masks(Workspace(root), "src")


def convert(clip: pathlib.Path, root: pathlib.Path) -> None:
    convert_video(
        ConversionJob(
            source=clip,
            out=root / "frames",
            config=ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none"),
            output_config=OutputConfig(label=False, mask_path=root / "masks"),
            tracks=VideoTracks(length=FRAMES, tracks=(FaceTrack(start=0, faces=(FACE,) * FRAMES),)),
            fingerprint={"which": 1},
        ),
        PaintSwapper((0, 255, 0)),
        ListedDetector([]),
    )


WORK: dict[str, typing.Callable[[pathlib.Path, pathlib.Path], None]] = {"extract": extract, "convert": convert}


def finish(work: str, clip: pathlib.Path, root: pathlib.Path) -> None:
    """Does the work, or finds that an earlier call has done all of it."""
    try:
        WORK[work](clip, root)
    except InputError as error:
        if "frames is already there" not in str(error) or (root / ".frames.parts" / "plan.json").exists():
            raise


def tree(root: pathlib.Path) -> dict[str, bytes]:
    """Every file below a folder but locks, which a kill leaves, and pieces that could not be removed."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(".faceswap-lock") and ".frames.parts" not in path.parts
    }


@contextlib.contextmanager
def failing(root: pathlib.Path, at: float, number: int) -> typing.Iterator[list[str]]:
    """Lets the call number `at` fail of those that change files below a folder; gives the names of all of them."""
    calls: list[str] = []
    patched = [(os, name) for name in ("replace", "rename", "unlink", "fsync", "mkdir", "rmdir", "open")] + [
        (io, "open")
    ]
    before = [(module, name, getattr(module, name)) for module, name in patched]

    def wrap(name: str, function: typing.Callable) -> typing.Callable:
        def call(*arguments, **options):
            target = str(arguments[0]) if not isinstance(arguments[0], int) else f"{root} (open file)"
            mode = arguments[1] if len(arguments) > 1 else options.get("mode", "r")
            writes = name != "open" or (any(each in mode for each in "wax+") if isinstance(mode, str) else mode & 3)
            if target.startswith(str(root)) and ".faceswap-lock" not in target and writes:
                calls.append(name)
                if len(calls) == at:
                    raise OSError(number, os.strerror(number), target)
            return function(*arguments, **options)

        return call

    for module, name, function in before:
        setattr(module, name, wrap(name, function))
    try:
        yield calls
    finally:
        for module, name, function in before:
            setattr(module, name, function)


def kill_often(work: str, clip: pathlib.Path, root: pathlib.Path, kills: int, seed: int) -> int:
    """Kills the work at random moments, each time in a fresh folder, and finishes it; counts what ended as wanted."""
    moments, same = random.Random(seed), 0
    undisturbed = root / "undisturbed"
    seconds = fork(work, clip, undisturbed, None)
    wanted = tree(undisturbed)
    for index in range(kills):
        folder = root / f"{index}"
        fork(work, clip, folder, moments.uniform(0, seconds))
        fork(work, clip, folder, None)
        same += tree(folder) == wanted
    return same


def fork(work: str, clip: pathlib.Path, folder: pathlib.Path, seconds: float | None) -> float:
    """Does the work in a process of its own, which is killed after so many seconds; gives how long it took."""
    folder.mkdir(exist_ok=True)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            finish(work, clip, folder)
            os._exit(0)
        finally:
            os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if seconds is None and status:
        raise SystemExit(f"{work} in {folder} ended with status {status}")
    return time.monotonic() - began


if __name__ == "__main__":
    name, clip_name, root_name, times = sys.argv[1:]
    print(kill_often(name, pathlib.Path(clip_name), pathlib.Path(root_name), int(times), 7))
