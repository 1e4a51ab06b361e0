"""Small workspaces made by hand, for tests of what carries them: facesets of noise, runs of a few kilobytes."""

import json
import pathlib

import numpy as np

from faceswap_lib.facesets import Workspace, write_manifest
from tests.fakes import make_record
from tests.training.test_remote_sync import write_run


def write_faceset(workspace: Workspace, side: str, *, video: str = "", seed: int = 0, crops: int = 3) -> None:
    """A faceset whose crops are no pictures; `video` is the SHA-256 of the video it comes from."""
    numbers, records = np.random.default_rng(seed), []
    folder, masks = workspace.faces(side), workspace.eye_masks(side)
    for place in (folder, masks):
        place.mkdir(parents=True)
    for index in range(crops):
        record = make_record(index, shift=seed)
        (folder / record.crop).write_bytes(numbers.bytes(2000))
        (masks / record.mask).write_bytes(numbers.bytes(200))
        records.append(record)
    if video:
        (folder / "source.json").write_text(json.dumps({"video": f"{side}.mp4", "sha256": video}))
    write_manifest(folder, records)


def make_project(root: pathlib.Path, letter: str, *steps: int, seed: int = 0, name: str | None = None) -> Workspace:
    """A workspace whose videos have SHA-256 of one letter and digit, with a run of that id."""
    workspace = Workspace(root)
    videos = {side: f"{letter}{digit}" * 32 for side, digit in (("src", 1), ("dst", 2))}
    for side, video in videos.items():
        write_faceset(workspace, side, video=video, seed=seed)
    if steps:
        run = write_run(workspace.run("default"), *steps, name=letter * 32 if name is None else name, seed=seed)
        config = json.loads((run / "config.json").read_text())
        facts = {f"face_{side}": {"crops": 3, "video_sha256": video} for side, video in videos.items()}
        (run / "config.json").write_text(json.dumps(config | {"facesets": facts}))
        (run / "history.jsonl").write_text("".join(f'{{"step": {step}, "loss": 0.{seed}}}\n' for step in steps))
    return workspace
