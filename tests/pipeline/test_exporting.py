"""Export of a run: the file, its card, what is refused, and the verb `export`."""

import hashlib
import pathlib
import shutil

import numpy as np
import pytest

import faceswap_lib as fs
from faceswap_lib.cli import main
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.evaluation.report import Report
from faceswap_lib.evaluation.score import Summary
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import faceset_videos
from faceswap_lib.facesets.consent_file import read_consent
from faceswap_lib.pipeline import exporting
from faceswap_lib.pipeline.exporting import export_model, model_writer
from faceswap_lib.pipeline.load_swapper import open_swapper
from faceswap_lib.pipeline.model_card import CardFacts, write_model_card
from faceswap_lib.training import load_run

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
from faceswap_lib.export.dfm_check import check_dfm  # noqa: E402
from faceswap_lib.export.dfm_readers import DfmSwapper  # noqa: E402
from faceswap_lib.export.onnx_runtime import import_onnxruntime  # noqa: E402
from tests.export.test_dfm_check import make_model, value  # noqa: E402

PLAIN = fs.ConvertConfig(latent_map="none", detail_transfer="none", contrast=0)


@pytest.fixture
def trained(tiny_run, tmp_path) -> Workspace:
    """A copy of the trained workspace, without consent."""
    return Workspace(shutil.copytree(tiny_run.workspace.root, tmp_path / "w"))


@pytest.fixture(scope="module")
def exported(tiny_run, tmp_path_factory) -> pathlib.Path:
    """A .dfm file of the tiny run, without a latent map; not to be changed."""
    out = tmp_path_factory.mktemp("exported") / "model.dfm"
    return export_model(tiny_run.workspace, out, config=PLAIN).path


def test_the_file_follows_every_rule_states_the_consent_and_is_not_replaced_unasked(trained, tmp_path):
    out = tmp_path / "model.dfm"
    made = export_model(trained, out, config=PLAIN, size=160, consent="Ann and Ben agreed")
    assert "- Ann and Ben agreed" in made.card.read_text() and "of 160 x 160 pixels" in made.card.read_text()
    assert {video.sha256 for video in faceset_videos(trained)} == {
        video.sha256 for consent in read_consent(trained) for video in consent.videos
    }
    assert (made.path, made.card, made.step, made.size) == (out, tmp_path / "model.dfm.md", 40, 160)
    assert not [result for result in check_dfm(out) if result.passed is False]
    with pytest.raises(InputError, match="already there"):
        export_model(trained, out, config=PLAIN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.dfm", "model.dfm.md", "w"]


def test_the_model_shows_about_the_face_that_a_conversion_shows(exported, tiny_run, clip_frames, detector):
    frame = clip_frames[5]
    (face, *_) = detector.detect([frame])[0]
    config = fs.ConvertConfig(latent_map="none", detail_transfer="none", contrast=0, color_smoothing=0)
    swapper = open_swapper(load_run(tiny_run.workspace)[0], tiny_run.workspace, config)
    converted = fs.FaceSwapper(swapper, config).swap(frame, face)
    live = DfmSwapper(exported).swap(frame, face)
    changed = np.abs(converted.astype(int) - frame).max(axis=2) > 10
    assert changed.mean() > 0.01
    apart, moved = (np.abs(converted[changed].astype(int) - other[changed]).mean() for other in (live, frame))
    assert apart < 0.4 * moved


def test_the_directions_give_different_models(exported, tiny_run, tmp_path):
    other = export_model(tiny_run.workspace, tmp_path / "other.dfm", direction="b2a", config=PLAIN)
    crops = np.full((1, 224, 224, 3), 127, np.uint8)
    crops[:, 80:90, 60:150] = 30
    assert np.abs(DfmSwapper(other.path).run(crops).face - DfmSwapper(exported).run(crops).face).max() > 0.01


def test_a_plain_onnx_file_says_what_it_is(trained, tmp_path):
    made = export_model(trained, tmp_path / "model.onnx", format="onnx", config=PLAIN)
    session = import_onnxruntime().InferenceSession(made.path.read_bytes(), providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    assert (facts["run"], facts["step"], facts["direction"]) == ("default", "40", "a2b") and facts["run_id"]
    assert [entry.name for entry in session.get_inputs()] == ["views", "regions"] and made.size == 64
    assert "metadata of the file describe the crop" in made.card.read_text()


# The card ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def write_card(trained, tmp_path):
    """Writes the card of a file with facts of a test; gives its text."""
    path = tmp_path / "model.dfm"
    path.write_bytes(b"weights")

    def write(**facts: object) -> str:
        usual = {"direction": "a2b", "run": "default", "step": 40, "layout": "Reads faces.", "parts": "", "path": path}
        return write_model_card(trained, CardFacts(**(usual | {"consent": (), "uncovered": ()} | facts))).read_text()

    return write


def test_the_card_names_videos_crops_steps_and_marks(write_card, trained):
    card = write_card(consent=["Ann | Ben *agreed*\n# and more"])
    for side, video in zip(("src", "dst"), faceset_videos(trained), strict=True):
        crops = len((trained.faces(side) / "manifest.jsonl").read_text().splitlines())
        assert f"| {video.name.replace('_', chr(92) + '_')} | {crops} | {video.sha256[:16]} |" in card
    assert hashlib.sha256(b"weights").hexdigest() in card and "40 steps" in card and "| capacity | tiny |" in card
    assert "replaces the face of A by the face of B" in card and "no label and no credentials" in card
    assert "MIT license" in card and "No evaluation report" in card
    assert r"- Ann \| Ben \*agreed\* \# and more" in card and "No consent is recorded" not in card


def test_the_card_says_who_was_not_asked(write_card):
    assert "No consent is recorded." in write_card()
    assert "**No consent is recorded for c\\_1.mp4.**" in write_card(consent=["Ann agreed"], uncovered=["c_1.mp4"])


def test_the_card_has_the_numbers_of_the_report_in_the_workspace(write_card, trained):
    Report(
        inputs={"swapped": "swap.mp4", "original": "a.mp4", "identity": "b.mp4"},
        networks={},
        frames=38,
        fps=25.0,
        summary=Summary(score=61.4, parts={}, verdict="It is a swap."),
        values={"landmark_error": 0.0512, "identity_distance": None},
        skipped={},
        series={},
        baselines={},
        breakdown={},
    ).write(trained.root / "report.json")
    card = write_card()
    assert "61 of 100" in card and "0.0512" in card and "38 frames" in card


def test_a_report_that_cannot_be_read_is_said(write_card, trained, caplog):
    (trained.root / "report.json").write_text("[]")
    assert "cannot be read" in write_card() and any("model card" in message for message in caplog.messages)


# What is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("out", "options", "error", "words"),
    [
        ("model.onnx", {}, InputError, r"ends in \.dfm"),
        ("model.dfm", {"format": "onnx"}, InputError, r"ends in \.onnx"),
        ("model.tflite", {"format": "tflite"}, InputError, "expected dfm or onnx"),
        ("model.dfm", {"size": 100}, InputError, "multiple of 16"),
        ("model.dfm", {"size": 4096}, InputError, "from 64 to 1024"),
        ("model.onnx", {"size": 160, "format": "onnx"}, InputError, "leave the size out"),
        ("model.dfm", {"run": "none"}, WorkspaceError, "no run 'none'"),
        ("model.dfm", {"consent": "  "}, InputError, "empty"),
        ("w/face_src/model.dfm", {}, InputError, "lies inside"),
        ("file/model.dfm", {}, InputError, "no folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_networks_are_loaded(
    out, options, error, words, trained, tmp_path
):
    (tmp_path / "file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error, match=words):
        export_model(trained, tmp_path / out, **options)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_is_not_replaced(trained, tmp_path):
    (tmp_path / "other.dfm").write_text("mine")
    (tmp_path / "model.dfm").symlink_to(tmp_path / "other.dfm")
    with pytest.raises(InputError, match="is a link"):
        export_model(trained, tmp_path / "model.dfm", overwrite=True)
    assert (tmp_path / "other.dfm").read_text() == "mine"


def test_a_model_that_breaks_a_rule_is_not_written(trained, tmp_path, monkeypatch):
    model = make_model(inputs=[value("in_face", "batch", 32, 32, 3)])
    monkeypatch.setattr(exporting, "open_swapper", lambda *arguments, **options: None)
    monkeypatch.setattr(exporting, "_build_dfm", lambda *arguments: (model, 32))
    with pytest.raises(fs.FaceswapError, match="input_name: expected in_face:0 as the name"):
        export_model(trained, tmp_path / "model.dfm", config=PLAIN, consent="both agreed")
    assert [path.name for path in tmp_path.iterdir()] == ["w"] and not (trained.root / "consent.yaml").exists()


# The verb ------------------------------------------------------------------------------------------------------------


def call(*words: object) -> int:
    return main([str(word) for word in ("export", *words)])


def test_the_verb_asks_for_consent_and_passes_its_options_on(trained, tmp_path, capsys, monkeypatch):
    out, calls = tmp_path / "model.dfm", []

    def export(workspace: Workspace, path: pathlib.Path, **options: object) -> exporting.ModelExport:
        calls.append(options)
        path.write_bytes(bytes(3_000_000))
        return exporting.ModelExport(path=path, card=path.with_name("model.dfm.md"), step=40, size=160)

    monkeypatch.setattr(exporting, "export_model", export)
    arguments = ("--workspace", trained.root, "--out", out, "--direction", "b2a", "--size", 160)
    assert call(*arguments) == 2 and "needs the consent" in capsys.readouterr().err
    assert not out.exists() and not calls
    assert call(*arguments, "--consent", "both agreed") == 0
    said = capsys.readouterr().out
    assert "step 40, reads 160 x 160 pixels, 3 MB" in said and "tell your viewers" in said
    (options,) = calls
    assert options["consent"] == "both agreed" and (options["direction"], options["size"]) == ("b2a", 160)


def test_the_verb_checks_a_file(exported, tmp_path, capsys):
    assert call("--check", exported) == 0
    said = capsys.readouterr().out
    assert "ok    input_name" in said and "can load and run it" in said
    broken = tmp_path / "broken.dfm"
    broken.write_bytes(b"nothing")
    assert call("--check", broken) == 1
    captured = capsys.readouterr()
    assert "FAIL  safe" in captured.out and "breaks safe" in captured.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "expected --workspace and --out, or --check"),
        (("--check", "none.dfm"), "got no file there"),
        (("--check", "none.dfm", "--out", "x.dfm"), "either checked or written"),
    ],
)
def test_the_verb_is_used_for_one_of_the_two(words, said, capsys):
    assert call(*words) == 2
    assert said in capsys.readouterr().err


# During a training ---------------------------------------------------------------------------------------------------


def test_a_training_replaces_models_and_writes_cards(trained, monkeypatch):
    monkeypatch.setattr(exporting, "ConvertConfig", lambda **options: PLAIN)
    networks, _ = load_run(trained)
    path = trained.run("default") / "exports" / "model_40.dfm"
    path.parent.mkdir()
    path.write_text("older")
    model_writer(trained, direction="b2a")(path, networks, 40)
    assert not [result for result in check_dfm(path) if result.passed is False]
    assert "replaces the face of B by the face of A" in path.with_name("model_40.dfm.md").read_text()


def test_training_with_exports_needs_recorded_consent(trained, capsys):
    assert main(["train", "--workspace", str(trained.root), "--steps", "41", "--export-every", "41"]) == 2
    assert "needs the consent" in capsys.readouterr().err
