"""The whole way from two videos to a swapped one, through the command line, at the smallest size."""

import dataclasses
import json
import pathlib
from unittest import mock

import av
import numpy as np
import pytest

from faceswap_lib.atomic_io import file_digest, write_json
from faceswap_lib.cli import main
from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.conversion import ConvertConfig, KerasSwapper, OutputConfig
from faceswap_lib.errors import InputError
from faceswap_lib.faces import CROP_SIZE, crop_from_frame, view_matrix, warp_frame
from faceswap_lib.faces.alignment import VIEW_COVERAGE
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import read_consent
from faceswap_lib.facesets.track_io import read_tracks
from faceswap_lib.media import count_frames, probe_video, read_frames
from faceswap_lib.networks import PRESETS
from faceswap_lib.pipeline import convert, run_all, running
from faceswap_lib.provenance.provenance import verify
from faceswap_lib.training import read_history
from faceswap_lib.training.run_metadata import run_id
from tests.conftest import contents, read_arrays
from tests.videos import psnr

STEPS = 12
COVERAGE = 0.6
"""Not the default, so that it is seen whether every step keeps to it."""

NETWORKS = ("--preset", "tiny", "--coverage", COVERAGE)
CONSENT = "Hopper and Collins are in the public domain"
OPTIONS = (
    *NETWORKS,
    "--inference-backend",
    "keras",
    "--consent",
    CONSENT,
    "--steps",
    STEPS,
    "--batch-size",
    2,
    "--warmup-steps",
    2,
    "--checkpoint-every",
    6,
)


def run_command(clips: tuple[pathlib.Path, pathlib.Path], root: pathlib.Path, *more: object) -> int:
    return main([str(part) for part in ("run", *clips, "--workspace", root, *OPTIONS, *more)])


@pytest.fixture(scope="module")
def finished(portrait_clips, tmp_path_factory) -> Workspace:
    """A workspace after `faceswap run`."""
    root = tmp_path_factory.mktemp("pipeline") / "w"
    assert run_command(portrait_clips, root) == 0
    return Workspace(root)


def test_everything_lies_where_it_should(finished):
    found = {path.relative_to(finished.root).as_posix() for path in finished.root.rglob("*") if path.is_file()}
    for side in ("src", "dst"):
        assert {f"face_{side}/{name}" for name in ("000000.jpg", "manifest.jsonl", "tracks.npz")} <= found
        assert f"binary_masks/face_{side}_eyes/000037.png" in found
    run = "models/default"
    assert {f"{run}/config.json", f"{run}/history.jsonl", f"{run}/checkpoints/step-{STEPS:08d}.npz"} <= found
    assert f"{run}/previews/step-{STEPS:08d}.png" in found and "swap.mp4" in found
    assert {"side_by_side.mp4", "report.html"} <= found
    assert not [name for name in found if "partial" in name]


def test_input_and_result_are_put_side_by_side_and_reported(finished, portrait_clips):
    beside, source = probe_video(finished.root / "side_by_side.mp4"), probe_video(portrait_clips[0])
    assert beside.width == 3 * source.width and beside.has_audio
    assert count_frames(beside.path) == count_frames(source.path)
    page = (finished.root / "report.html").read_text(encoding="utf-8")
    assert f"{portrait_clips[0].name} with the face of {portrait_clips[1].name}" in page
    assert "In the input: 1 person seen, 1 swapped." in page and "Is it a swap?" in page


def test_the_output_has_the_first_videos_frames_size_rate_and_sound(finished, portrait_clips):
    out, source = finished.root / "swap.mp4", portrait_clips[0]
    before, after = probe_video(source), probe_video(out)
    assert count_frames(out) == count_frames(source)
    assert (after.width, after.height, after.fps) == (before.width, before.height, before.fps)
    sounds = []
    for path in (source, out):
        with av.open(str(path)) as container:
            sounds.append([bytes(packet) for packet in container.demux(audio=0) if packet.size])
    assert sounds[0] == sounds[1] and sounds[0]


def test_the_face_is_another_and_the_rest_is_not(finished, portrait_clips):
    for after, before in zip(read_frames(finished.root / "swap.mp4"), read_frames(portrait_clips[0]), strict=True):
        middle, edge = (slice(95, 150), slice(85, 140)), (slice(0, 30), slice(None))
        assert psnr(after[middle], before[middle]) < 30
        assert psnr(after[edge], before[edge]) > 35


def test_the_output_says_what_it_is(finished, portrait_clips):
    verdict = verify(finished.root / "swap.mp4")
    assert verdict.intact and verdict.ours
    facts = verdict.facts
    assert (facts["run"], facts["steps"], facts["direction"], facts["consent"]) == ("default", STEPS, "a2b", [CONSENT])
    assert facts["run_id"] == run_id(finished.run("default")) and len(facts["run_id"]) == 32
    learnt_from = facts["options"]["learnt_from"]
    assert [learnt_from[side]["sha256"] for side in ("src", "dst")] == [file_digest(clip) for clip in portrait_clips]
    assert facts["options"]["label"] is True and "mask_path" in facts["options"]


def test_the_consent_is_kept_and_not_asked_for_again(finished, portrait_clips, tmp_path, capsys):
    consents = read_consent(finished)
    assert [consent.statement for consent in consents] == [CONSENT, CONSENT]  # for either video
    assert [video.name for consent in consents for video in consent.videos] == [clip.name for clip in portrait_clips]
    assert main(["run", *map(str, portrait_clips), "--workspace", str(tmp_path / "w")]) == 2
    assert "--consent" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_the_history_ends_at_the_last_step(finished):
    assert read_history(finished.run("default") / "history.jsonl")[-1]["step"] == STEPS


def test_the_run_keeps_its_coverage_and_converts_with_it(finished, portrait_clips, clip_frames, tmp_path, monkeypatch):
    stored = json.loads((finished.run("default") / "config.json").read_text(encoding="utf-8"))
    assert stored["networks"]["coverage"] == COVERAGE
    seen, swap = [], KerasSwapper.swap

    def watched_swap(self, views, faces):
        seen.extend(views)
        return swap(self, views, faces)

    monkeypatch.setattr(KerasSwapper, "swap", watched_swap)
    tracks = read_tracks(finished.faces("src"))
    options = {
        "config": ConvertConfig(latent_shift=0, contrast=0),
        "output_config": OutputConfig(inference_backend="keras"),
        "tracks": tracks,
    }
    convert(portrait_clips[0], finished, tmp_path / "out.mp4", **options)
    assert len(seen) == 38
    for index in range(0, 38, 6):
        crop_matrix = crop_from_frame(tracks.faces[index][0])
        mine, default = (
            warp_frame(clip_frames[index], view_matrix(crop_matrix, CROP_SIZE, 64, coverage), 64)
            for coverage in (dataclasses.replace(PRESETS["tiny"], coverage=COVERAGE).view_coverage, VIEW_COVERAGE)
        )
        assert np.array_equal(seen[index], mine) and psnr(seen[index], default) < 18


def test_the_run_is_gone_on_with_at_its_own_coverage_alone(finished, capsys):
    train = ["train", "--workspace", str(finished.root), "--steps", str(STEPS), "--batch-size", "2"]
    assert main([*train, *(str(part) for part in NETWORKS)]) == 0
    assert f"trained {STEPS} of {STEPS} steps ({STEPS} of them before)" in capsys.readouterr().out
    before = contents(finished.root)
    assert main([*train, "--preset", "tiny", "--coverage", "0.8"]) == 2
    message = "faceswap: run 'default' was trained with coverage 0.6, asked for 0.8; choose another --run"
    assert message in capsys.readouterr().err
    assert contents(finished.root) == before


def test_called_again_it_redoes_nothing_and_gives_the_same(finished, portrait_clips, capsys, caplog):
    frames = list(read_frames(finished.root / "swap.mp4"))
    weights = read_arrays(finished.run("default"), STEPS)
    kept = ("face_src", "face_dst", "binary_masks", "models/default/checkpoints")
    files = [path for part in kept for path in (finished.root / part).rglob("*") if path.is_file()]
    times = {path: path.stat().st_mtime_ns for path in files}
    assert run_command(portrait_clips, finished.root) == 0
    assert "retracing" not in caplog.text  # a paragraph of TensorFlow's, which speaks to programmers
    assert f"trained {STEPS} of {STEPS} steps ({STEPS} of them before)" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in files} == times
    again = read_arrays(finished.run("default"), STEPS)
    assert weights.keys() == again.keys() and all(np.array_equal(weights[name], again[name]) for name in weights)
    # One encoding in a hundred comes out a little different from the same pictures, with a single thread, too.
    assert all(psnr(a, b) > 50 for a, b in zip(frames, read_frames(finished.root / "swap.mp4"), strict=True))


def test_the_other_direction_converts_the_second_video(finished, portrait_clips, tmp_path):
    out = tmp_path / "b.mp4"
    conversion = convert(portrait_clips[1], finished, out, config=ConvertConfig(direction="b2a"))
    assert conversion.report.swapped == 38
    first = next(iter(read_frames(out)))
    hopper, collins = (next(iter(read_frames(clip))) for clip in portrait_clips)
    assert psnr(first[:30], collins[:30]) > 35 > psnr(first[:30], hopper[:30])


@pytest.mark.parametrize(("direction", "who"), [("a2b", "center"), ("b2a", "largest")])
def test_a_conversion_is_told_apart_by_whose_face_it_changes(portrait_clips, tmp_path, monkeypatch, direction, who):
    """Or pieces of another person's would be gone on with."""
    called = {}
    for name in ("extract", "train", "convert", "write_report"):
        monkeypatch.setattr(running, name, lambda *_, name=name, **given: called.setdefault(name, mock.Mock(**given)))
    config = ConvertConfig(direction=direction)
    run_all(*portrait_clips, Workspace(tmp_path / "w"), convert_config=config, subject_a="center")
    assert called["convert"].track_config.subject == who


def test_the_steps_of_a_stored_run_are_announced(portrait_clips, tmp_path, monkeypatch, caplog):
    workspace = Workspace(tmp_path / "w")
    options = {"networks": options_to_dict(PRESETS["tiny"]), "training": {"steps": 77}}
    workspace.run("default").mkdir(parents=True)
    write_json(workspace.run("default") / "config.json", options)
    called = {}
    for name in ("extract", "train", "convert", "write_report"):
        monkeypatch.setattr(running, name, lambda *_, name=name, **given: called.setdefault(name, mock.Mock(**given)))
    with caplog.at_level("INFO", logger="faceswap_lib"):
        run_all(*portrait_clips, workspace)
    assert "learn both faces, in 77 steps" in caplog.text
    assert called["train"].config.steps == 77


def test_videos_are_looked_at_before_anything_is_done(portrait_clips, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        run_all(portrait_clips[0], tmp_path / "none.mp4", Workspace(tmp_path / "w"))
    assert not (tmp_path / "w").exists()
