"""A reenactment run is measured on the held-out end of its people's own videos, beside methods that cost nothing."""

import dataclasses
import json
import re
import shutil

import cv2
import numpy as np
import pytest

from faceswap_lib.cli import main
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.evaluation.config import ReenactmentEvaluateConfig
from faceswap_lib.evaluation.contact_sheets import HEADER, choose_frames, draw_sheet
from faceswap_lib.evaluation.contact_sheets import SheetRow as Row
from faceswap_lib.evaluation.reenactment import BASELINES, ReenactmentScores
from faceswap_lib.evaluation.reenactment_methods import MethodScores
from faceswap_lib.evaluation.reenactment_page import write_reenactment_page
from faceswap_lib.evaluation.reenactment_report import (
    REENACTMENT_METRICS,
    PersonFacts,
    ReenactmentEvaluation,
)
from faceswap_lib.evaluation.reenactment_run import evaluate_run, find_sources
from faceswap_lib.evaluation.report import Report
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.facesets.source import SOURCE
from faceswap_lib.media import read_image
from faceswap_lib.reenactment.config import FrameConfig
from faceswap_lib.reenactment.people import open_people

needs_mesh = pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks")

OPTIONS = ("--resolution", "64", "--capacity", "tiny", "--batch-size", "2", "--steps", "1", "--preview-interval", "")


@pytest.fixture(scope="module")
def trained(small_workspace, tmp_path_factory) -> Workspace:
    """Two people and a run of one step: `held`, with a held-out end; `all` is the same, and says that it had none."""
    root = shutil.copytree(small_workspace.root, tmp_path_factory.mktemp("reenactment") / "people")
    first = ["train", "--system", "landmark-gan", "--workspace", str(root), *OPTIONS]
    assert main([*first, "--run", "held", "--hold-out", "0.3"]) == 0
    workspace = Workspace(root)
    shutil.copytree(workspace.run("held"), workspace.run("all"))
    notes = workspace.run("all") / "config.json"
    notes.write_text(notes.read_text().replace('"hold_out": 0.3', '"hold_out": 0.0'))
    return workspace


@needs_mesh
def test_the_verb_measures_all_methods_and_writes_page_numbers_and_sheets(trained, tmp_path, capsys):
    page = tmp_path / "report.html"
    words = ["evaluate", "--workspace", str(trained.root), "--run", "held", "--out", str(page), "--max-frames", "6"]
    assert main([*words, "--embedder", "none"]) == 0
    said = capsys.readouterr().out
    assert "people/face_src, people/face_dst: frames that were not trained on." in said
    assert "left out: identity_accuracy (left out by --embedder none)" in said and str(page) in said
    stored = json.loads(page.with_suffix(".json").read_text())
    assert list(stored["methods"]) == [*BASELINES, "landmark-gan, fused", "landmark-gan, not fused"]
    for scores in stored["methods"].values():
        assert list(scores["people"]) == ["people/face_src", "people/face_dst"]
        assert list(scores["mean"]) == ["people of the training"]
        for row in (*scores["mean"].values(), *scores["people"].values()):
            assert row.keys() == REENACTMENT_METRICS.keys()
            assert row["identity_distance"] is None and row["psnr"] > 5
    assert stored["people"]["people/face_src"]["source"] == "held out"
    assert stored["people"]["people/face_src"]["frames"] == 6
    assert (stored["run"], stored["system"], stored["step"], stored["hold_out"]) == ("held", "landmark-gan", 1, 0.3)
    text = page.read_text()
    assert "landmark_error" in text and text.count("data:image/jpeg") == 3 and 'src="http' not in text
    for tier in ("frontal", "half", "far"):
        sheet = read_image(tmp_path / f"report_{tier}.png")
        assert sheet.shape[1] == (2 + 6) * (64 + 2) - 2 and len(sheet) >= HEADER + 2 * (HEADER + 64)
    with pytest.raises(InputError, match="expected the report of a swap, got that of a reenactment run"):
        Report.read(page.with_suffix(".json"))


@needs_mesh
def test_a_copied_photo_is_as_far_from_the_last_frames_as_the_crops_themselves(trained):
    """The photo and the driving frames, taken from the report alone, give the PSNR of the report."""
    report, _ = evaluate_run(trained, "held", config=ReenactmentEvaluateConfig(embedder="none"))
    for side in ("src", "dst"):
        name, faceset = f"people/face_{side}", Faceset.open(trained, side)
        facts, by_frame = report.people[name], {}
        for record in faceset.records:
            crop = cv2.imread(str(faceset.folder / record.crop))
            for smaller in (80, 64):  # as in a training, then as the networks show it
                crop = cv2.resize(crop, (smaller, smaller), interpolation=cv2.INTER_AREA)
            by_frame[record.frame] = crop.astype(float)
        kept = round(len(by_frame) * 0.7)
        assert (facts.first_frame, facts.last_frame) == (sorted(by_frame)[kept], max(by_frame))
        assert facts.photo_frame < facts.first_frame and facts.frames == len(by_frame) - kept
        photo = by_frame[facts.photo_frame]
        errors = [np.mean((photo - by_frame[frame]) ** 2) for frame in by_frame if frame >= facts.first_frame]
        psnr = np.mean([10 * np.log10(255**2 / error) for error in errors])
        assert report.methods["photo copied"].people[name].psnr == pytest.approx(psnr, abs=0.02)


@needs_mesh
def test_a_run_that_held_nothing_out_says_so_on_page_and_screen(trained, tmp_path, capsys):
    page = tmp_path / "report.html"
    words = ["evaluate", "--workspace", str(trained.root), "--run", "all", "--out", str(page), "--embedder", "none"]
    assert main(words) == 0
    warning = "measured on frames that were trained on"
    assert warning in capsys.readouterr().out and warning in page.read_text()
    people = json.loads(page.with_suffix(".json").read_text())["people"]
    assert {facts["source"] for facts in people.values()} == {"trained on"}


def test_people_of_the_training_are_recognized_and_others_are_not(trained, small_workspace, tmp_path):
    folder = trained.run("held")
    renamed = Workspace(shutil.copytree(trained.root, tmp_path / "renamed"))
    assert set(find_sources(folder, open_people([renamed])).values()) == {"held out"}
    other = Workspace(shutil.copytree(trained.root, tmp_path / "other"))
    shutil.rmtree(other.faces("dst"))
    manifest = other.faces("src") / "manifest.jsonl"
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[:-3]))
    expected = dict.fromkeys(["people/face_src", "people/face_dst"], "held out")
    found = find_sources(folder, open_people([trained, other]))
    assert found == expected | {"other/face_src": "perhaps trained on"}, "other crops of the same video"
    (other.faces("src") / SOURCE).unlink()
    assert find_sources(folder, open_people([trained, other])) == expected | {"other/face_src": "never seen"}
    changed = Workspace(shutil.copytree(other.root, tmp_path / "again" / "people"))
    with pytest.raises(WorkspaceError, match="was also trained on people/face_dst; name the workspaces with --people"):
        find_sources(folder, open_people([changed]))
    shutil.copytree(trained.faces("dst"), changed.faces("dst"))
    assert find_sources(folder, open_people([changed]))["people/face_src"] == "perhaps trained on"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--run", "missing"], "no run 'missing' in .*; run 'faceswap train --system NAME --workspace"),
        (["--run", "swap"], "run 'swap' is of a face swap; evaluate a swapped video of it: faceswap evaluate SWAP.mp4"),
        (["--run", "a/b"], "expected a plain folder name for the run"),
        (["--out", "report.pdf"], "expected the name of a page that ends in .html"),
        (["--embedder", "vggface", "--embedder-file", "none.h5"], "none.h5"),
        (["--max-frames", "-1"], "max_frames must be between 0 and"),
    ],
)
def test_wrong_uses_are_refused_in_one_line(trained, tmp_path, capsys, words, message):
    (trained.run("swap")).mkdir(exist_ok=True)
    (trained.run("swap") / "config.json").write_text('{"schema": 2, "networks": {}, "training": {}}')
    first = ["evaluate", "--workspace", str(trained.root), "--run", "held", "--out", str(tmp_path / "report.html")]
    assert main([*first, *words]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert said.count("\n") == 1 and not list(tmp_path.iterdir())


def scores_of(**changes) -> ReenactmentScores:
    plain = dict.fromkeys((field.name for field in dataclasses.fields(ReenactmentScores)), 0.5)
    return ReenactmentScores(**plain | changes)


def report_of(**ours) -> ReenactmentEvaluation:
    facts = PersonFacts(source="held out", frames=9, photo_frame=0, first_frame=8, last_frame=16, most_yaw=3.0)
    methods = {"photo copied": {"psnr": 20.0, "landmark_error": 4.0}, "warp": {"psnr": 22.0, "landmark_error": 2.0}}
    methods |= {"avatar, fused": ours, "avatar, not fused": {"psnr": 50.0}}
    return ReenactmentEvaluation(
        run="r",
        system="avatar",
        step=3,
        resolution=64,
        hold_out=0.2,
        networks={},
        people={"anna": facts},
        methods={name: MethodScores(people={"anna": scores_of(**values)}, fps=9.0) for name, values in methods.items()},
        skipped={},
    )


def test_the_verdict_compares_the_fused_system_with_the_best_baseline():
    assert FrameConfig().fusion == "classical", "what the report calls fused is the default"
    better = report_of(psnr=22.5, landmark_error=1.9).verdict()
    assert "better in: psnr, ssim, perceptual, landmark_error" in better and "Worse" not in better
    worse = report_of(psnr=21.0, landmark_error=2.5, ssim=float("nan")).verdict()
    assert worse.endswith("Worse than the best baseline in: psnr, landmark_error.") and "ssim" not in worse


def test_a_mean_counts_only_the_people_who_have_a_value():
    people = {"anna": scores_of(psnr=10.0, jitter=float("nan")), "ben": scores_of(psnr=20.0, jitter=3.0)}
    mean = MethodScores(people=people, fps=1.0).mean()
    assert mean["psnr"] == 15 and mean["jitter"] == 3 and mean["ssim"] == 0.5
    assert MethodScores(people=people, fps=1.0).mean(["anna"])["psnr"] == 10


def test_people_whom_a_run_has_never_seen_have_means_of_their_own(tmp_path):
    report = report_of(psnr=22.5, landmark_error=1.9)
    stranger = dataclasses.replace(report.people["anna"], source="never seen")
    poor = scores_of(psnr=0.1)
    methods = {
        name: MethodScores(people=scores.people | {"eve": poor if name in report.ours else scores_of()}, fps=9.0)
        for name, scores in report.methods.items()
    }
    both = dataclasses.replace(report, people=report.people | {"eve": stranger}, methods=methods)
    assert both.groups == {"people of the training": ["anna"], "people never seen": ["eve"]}
    assert both.verdict() == report.verdict() and "Worse" not in both.verdict()
    assert both.measured_on()[1] == "eve: a person whom the run has never seen."
    write_reenactment_page(both, tmp_path / "page.html", {"far": np.zeros((8, 8, 3), np.uint8)})
    page = (tmp_path / "page.html").read_text()
    assert page.index("Means over the people of the training") < page.index("Means over the people never seen")
    alone = dataclasses.replace(both, people={"eve": stranger})
    assert "Worse than the best baseline in: psnr" in alone.verdict()


def test_tiers_are_chosen_by_how_far_the_head_is_turned():
    yaw = np.concatenate([np.linspace(-30, 0, 50), np.linspace(1, 20, 51)])
    chosen = choose_frames(yaw)
    means = [np.abs(yaw[frames]).mean() for frames in chosen.values()]
    assert list(chosen) == ["frontal", "half", "far"] and means[0] < 4 < means[1] < 15 < 20 < means[2]
    assert choose_frames(np.array([5.0])) == dict.fromkeys(chosen, [0])


def test_a_sheet_shows_every_image_in_its_column():
    names = ("photo", "driver", "Méthode")
    rows = [
        Row(
            person="anna",
            yaw=3.0,
            images={name: np.full((40, 40, 3), 40 * row + 10 * column, np.uint8) for column, name in enumerate(names)},
        )
        for row in range(2)
    ]
    sheet = draw_sheet(rows)
    assert sheet.shape == (HEADER + 2 * (HEADER + 40), 3 * 40 + 2 * 2, 3)
    for row in range(2):
        for column in range(3):
            top, left = HEADER + (row + 1) * HEADER + row * 40, column * 42
            assert (sheet[top : top + 40, left : left + 40] == 40 * row + 10 * column).all()
    assert (sheet[:HEADER] < 128).any(), "the names are written"
