"""Long work in one process: memory, open files, threads and temporary files stay as they are.

Usage: python -m tests.trust.soak FOLDER [--steps 20000] [--counted-steps 20000] [--conversions 100]

Steps are those of the narrow networks of `benchmarks/crash_recovery.py`, trained as every run is; counted steps
compute nothing, so that no backend is needed, and write history, checkpoints, backups and previews alike. Conversions
go by turns to an MP4 with masks, a GIF, an exact video, a folder of PNG, and from pictures to pictures; all of them
are signed and verified. The last line is one JSON object.
"""

import argparse
import dataclasses
import fractions
import gc
import json
import os
import pathlib
import shutil
import sys
import time
import typing

import psutil

from faceswap_lib.conversion import OutputConfig, convert_video
from faceswap_lib.conversion.image_conversion import convert_images
from faceswap_lib.conversion.image_outputs import finished_name
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.faces import FaceTrack, VideoTracks
from faceswap_lib.media import VideoWriter, write_image
from faceswap_lib.provenance.provenance import ProvenanceClaims, verify, write_provenance
from faceswap_lib.training import LoopConfig
from tests.disturbed import FACE
from tests.fakes import ListedDetector, PaintSwapper
from tests.trust.watch import make_temporary_folder
from tests.trust.works import PAINT, make_run, train
from tests.videos import pattern_frame

FRAMES = 12
OUTPUTS = ("swap.mp4", "swap.gif", "swap.mkv", "frames", "pictures")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gauge:
    """What a process has at a moment.

    Attributes:
        memory: Resident bytes.
        handles: Open files.
        threads: Threads, those of native libraries included.
        temporary: Files and folders among the temporary ones.
    """

    memory: int
    handles: int
    threads: int
    temporary: int

    @classmethod
    def read(cls, temporary: pathlib.Path) -> "Gauge":
        """Measures this process."""
        gc.collect()
        process = psutil.Process()
        handles = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
        return cls(
            memory=process.memory_info().rss,
            handles=handles,
            threads=process.num_threads(),
            temporary=sum(1 for _ in temporary.rglob("*")),
        )


def summarize(title: str, count: int, gauges: list[Gauge], seconds: float) -> dict[str, typing.Any]:
    """How much more of everything there is in the last quarter than in the second, each at its least."""
    quarter = len(gauges) // 4
    begun, ended = gauges[quarter : 2 * quarter], gauges[-quarter:]
    growth = {
        name: min(getattr(gauge, name) for gauge in ended) - min(getattr(gauge, name) for gauge in begun)
        for name in ("memory", "handles", "threads", "temporary")
    }
    last = dataclasses.asdict(gauges[-1])
    return {"title": title, "count": count, "seconds": round(seconds, 1), "growth": growth, "last": last}


def count_steps(folder: pathlib.Path, temporary: pathlib.Path, steps: int) -> dict[str, typing.Any]:
    """A training whose steps only count, in eight calls, each of which goes on."""
    make_run(folder)
    keeping = LoopConfig(
        log_every=1,
        checkpoint_interval="",
        checkpoint_every=100,
        preview_interval="",
        preview_every=200,
        backup_every=500,
        backups=2,
    )
    gauges, began = [], time.monotonic()
    for call in range(1, 9):
        train(folder, steps * call // 8, keeping)
        gauges.append(Gauge.read(temporary))
    return summarize("counted steps", steps, gauges, time.monotonic() - began)


def take_steps(folder: pathlib.Path, temporary: pathlib.Path, steps: int) -> dict[str, typing.Any]:
    """A training of the narrow networks."""
    from benchmarks.crash_recovery import CONFIG, NARROW, NETWORKS, WIDTHS, make_workspace
    from faceswap_lib.training import train as train_networks

    WIDTHS["tiny", 64] = dataclasses.replace(WIDTHS["tiny", 64], **NARROW)
    gauges, began, every = [], time.monotonic(), max(1, steps // 40)
    train_networks(
        make_workspace(folder),
        network_config=NETWORKS,
        config=dataclasses.replace(CONFIG, steps=steps, adversarial_weight=0.0),
        run_config=LoopConfig(
            log_every=every,
            checkpoint_interval="",
            checkpoint_every=max(1, steps // 80),
            preview_interval="",
            preview_every=max(1, steps // 20),
            sync_dir=folder / "mirror",
            sync_interval="10s",
        ),
        on_log=lambda step, terms: gauges.append(Gauge.read(temporary)),
    )
    return summarize("steps", steps, gauges, time.monotonic() - began)


def convert_often(folder: pathlib.Path, temporary: pathlib.Path, conversions: int) -> dict[str, typing.Any]:
    """Conversions of a short video, or of pictures."""
    folder.mkdir()
    clip = folder / "a.mp4"
    with VideoWriter(clip, width=160, height=160, fps=fractions.Fraction(25)) as writer:
        for index in range(FRAMES):
            writer.write(pattern_frame(index, 160, 160))
    for index in range(3):
        write_image(folder / "in" / f"{index}.png", pattern_frame(index, 160, 160))
    gauges, began = [], time.monotonic()
    for index in range(conversions):
        convert_once(folder / "out", clip, folder / "in", OUTPUTS[index % len(OUTPUTS)])
        shutil.rmtree(folder / "out")
        gauges.append(Gauge.read(temporary))
    return summarize("conversions", conversions, gauges, time.monotonic() - began)


def convert_once(place: pathlib.Path, clip: pathlib.Path, pictures: pathlib.Path, name: str) -> None:
    place.mkdir()
    facts = ProvenanceClaims(
        inputs=(clip,), run="r", run_id="i", steps=1, direction="a2b", consent=("agreed",), options={}
    )
    out, mask = place / name, place / "masks.mp4" if name == "swap.mp4" else None

    def sign(path: pathlib.Path) -> None:
        write_provenance(path, facts, name=finished_name(path) if name == "pictures" else name)

    shared = {
        "config": PAINT,
        "output_config": OutputConfig(mask_path=mask),
        "fingerprint": {"which": name},
        "on_written": sign,
    }
    paint = PaintSwapper((0, 255, 0))
    if name == "pictures":
        convert_images(ConversionJob(source=pictures, out=out, **shared), paint, ListedDetector([(FACE,)] * 3))
    else:
        tracks = VideoTracks(length=FRAMES, tracks=(FaceTrack(start=0, faces=(FACE,) * FRAMES),))
        convert_video(ConversionJob(source=clip, out=out, tracks=tracks, **shared), paint, ListedDetector([]))
    written = sorted(out.glob("*.png"))[0] if name == "pictures" else out
    verdict = verify(written)
    if not (verdict.ours and verdict.intact):
        raise SystemExit(f"{written}: {verdict.summary}")


def main() -> int:
    """Prints what was measured; 0, for who calls it judges."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=0, help="of a training")
    parser.add_argument("--counted-steps", type=int, default=0, help="of one that computes nothing")
    parser.add_argument("--conversions", type=int, default=0)
    arguments = parser.parse_args()
    folder, found = arguments.folder, []
    temporary = folder / "temporary"
    make_temporary_folder(temporary)
    os.environ["FACESWAP_HOME"] = str(folder / "home")
    if arguments.counted_steps:
        found.append(count_steps(folder / "counted", temporary, arguments.counted_steps))
    if arguments.conversions:
        found.append(convert_often(folder / "converted", temporary, arguments.conversions))
    if arguments.steps:
        found.append(take_steps(folder / "trained", temporary, arguments.steps))
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
