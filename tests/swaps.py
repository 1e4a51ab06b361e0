"""Finished swaps of every kind, and what is known about them, for the tests of provenance."""

import fractions
import hashlib
import pathlib

import av
import numpy as np
from PIL import Image

from faceswap_lib import __version__
from faceswap_lib.media import VideoWriter, read_frames, read_image, write_image
from faceswap_lib.provenance.provenance import ProvenanceClaims
from tests.videos import make_video, pattern_frame

OPTIONS = {
    "color_transfer": "mean",
    "latent_shift": None,
    "feather": 0.15,
    "segment": [1, 2.5],
    "numbers": [1, 2],
    "label": True,
}


def make_inputs(folder: pathlib.Path) -> tuple[pathlib.Path, ...]:
    one = make_video(folder / "anna.mp4", frames=6, audio_seconds=0.2)
    return one, make_video(folder / "ben.mov", frames=3)


def make_facts(inputs: tuple[pathlib.Path, ...]) -> ProvenanceClaims:
    return ProvenanceClaims(
        inputs=inputs,
        run="default",
        run_id="6f1d",
        steps=20_000,
        direction="a2b",
        consent=("Anna agreed: yes", "Ben too"),
        options=OPTIONS,
    )


def write_mp4(path: pathlib.Path, sound: pathlib.Path) -> pathlib.Path:
    with VideoWriter(path, width=64, height=48, fps=fractions.Fraction(30), audio_from=sound) as writer:
        for index in range(6):
            writer.write(pattern_frame(index))
    return path


def write_kind(path: pathlib.Path, sound: pathlib.Path) -> pathlib.Path:
    """A finished swap of the kind its suffix names."""
    if path.suffix in (".mp4", ".mov"):
        return write_mp4(path, sound)
    if path.suffix == ".gif":
        first, *rest = [Image.fromarray(pattern_frame(index)) for index in range(4)]
        first.save(path, save_all=True, append_images=rest, duration=80, loop=0)
    else:
        write_image(path, pattern_frame(5))
    return path


def decoded(path: pathlib.Path) -> tuple[list[np.ndarray], list[bytes]]:
    """Every picture of a file, and every packet of its sound."""
    if path.suffix in (".png", ".jpg"):
        return [read_image(path)], []
    if path.suffix == ".gif":
        with Image.open(path) as image:
            return [
                np.asarray(image.convert("RGB")) for index in range(image.n_frames) if image.seek(index) is None
            ], []
    with av.open(str(path)) as container:
        streams = container.streams.audio
        sound = [bytes(packet) for packet in container.demux(streams[0])] if streams else []
    return list(read_frames(path)), sound


def check_facts(found: dict, facts: ProvenanceClaims, name: str) -> None:
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in facts.inputs]
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "program": "faceswap_lib",
        "version": __version__,
        "title": name,
        "inputs": [
            {"name": "anna.mp4", "sha256": digests[0], "role": "changed"},
            {"name": "ben.mov", "sha256": digests[1], "role": "face"},
        ],
        "run": "default",
        "run_id": "6f1d",
        "steps": 20_000,
        "direction": "a2b",
        "consent": ["Anna agreed: yes", "Ben too"],
        "options": OPTIONS,
    }


def flip(path: pathlib.Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0x10
    path.write_bytes(data)


def another_computer(home: pathlib.Path) -> None:
    home.rename(home.with_name("away"))
