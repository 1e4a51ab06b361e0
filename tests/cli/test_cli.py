"""The command line: what it answers, with which exit code, and what bad input leaves behind (nothing)."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing

import numpy as np
import pytest
import tyro
from typing_extensions import Doc

from faceswap_lib import cli
from faceswap_lib.cli import VERBS, main, name_of
from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.facesets import Workspace, read_manifest
from faceswap_lib.media import read_frames, write_image
from faceswap_lib.training import TRAINING_PRESETS, TrainConfig
from tests.conftest import ROOT
from tests.fakes import encode_like
from tests.videos import make_video

CONSENT = ("--consent", "both agreed")

# Progress bars, and what TensorFlow says for itself before it can be told to be quiet.
CHATTER = re.compile(r"^(.*\d+%\|.*|.*: 0it .*|.*\|.* \[\d\d:\d\d.*|WARNING: All log messages.*|[IWE]0000 .*)?$")


def message_lines(text: str) -> list[str]:
    """What a user is told on stderr, without progress bars."""
    return [line for line in re.split(r"[\r\n]+", text) if not CHATTER.match(line)]


def files_below(root: pathlib.Path) -> dict[str, int]:
    return {path.relative_to(root).as_posix(): path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def refused(capsys, tmp_path) -> typing.Callable[..., str]:
    """Runs a command that must be refused; gives its message."""

    def run(*arguments: object, watched: pathlib.Path = tmp_path) -> str:
        before = files_below(watched)
        capsys.readouterr()
        consent = CONSENT if arguments and arguments[0] in ("extract", "run", "convert") else ()
        assert main([str(argument) for argument in (*arguments, *consent)]) == 2
        captured = capsys.readouterr()
        lines = message_lines(captured.err)
        assert 1 <= len(lines) <= 2 and lines[0].startswith("faceswap: "), captured.err
        assert "Traceback" not in captured.err + captured.out
        assert files_below(watched) == before
        return " ".join(lines)

    return run


@pytest.fixture
def faceless(tmp_path) -> pathlib.Path:
    return make_video(tmp_path / "bars.mp4", width=160, height=120, frames=10)


@pytest.fixture
def text_file(tmp_path) -> pathlib.Path:
    path = tmp_path / "notes.mp4"
    path.write_text("this is no video\n" * 50)
    return path


# Bad input ---------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_named(refused, tmp_path, portrait_clips, tiny_run):
    missing = tmp_path / "none.mp4"
    for arguments in (
        ("extract", missing, "--workspace", tmp_path / "w", "--person", "a"),
        ("run", missing, portrait_clips[1], "--workspace", tmp_path / "w"),
        ("run", portrait_clips[0], missing, "--workspace", tmp_path / "w"),
        ("convert", missing, "--workspace", tiny_run.workspace.root, "--out", tmp_path / "o.mp4"),
    ):
        assert f"no such file: {missing}" in refused(*arguments)
    assert not (tmp_path / "w").exists()


def test_a_text_file_named_mp4_is_no_video(refused, tmp_path, portrait_clips, text_file):
    assert "expected a video" in refused("extract", text_file, "--workspace", tmp_path / "w", "--person", "a")
    assert "expected a video" in refused("run", portrait_clips[0], text_file, "--workspace", tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_a_video_with_no_face_is_refused(refused, tmp_path, faceless, tiny_run):
    assert "a face in 0 of 10 frames" in refused("extract", faceless, "--workspace", tmp_path / "w", "--person", "b")
    assert "a face in 0 of 10 frames" in refused("run", faceless, faceless, "--workspace", tmp_path / "w")
    assert not (tmp_path / "w").exists()
    out = ("--workspace", tiny_run.workspace.root, "--out", tmp_path / "o.mp4")
    assert "no face in any of its 10 frames" in refused("convert", faceless, *out)


def test_a_video_of_one_frame_is_too_short_to_learn_from(refused, tmp_path, portrait_clips):
    frame = next(iter(read_frames(portrait_clips[0])))
    single = encode_like(portrait_clips[0], tmp_path / "one.mp4", [frame])
    message = refused("extract", single, "--workspace", tmp_path / "w", "--person", "a")
    assert "a face in 1 of 1 frames, 1 good enough to keep, at least 8 are needed" in message
    assert "at least 8 are needed" in refused("run", single, portrait_clips[1], "--workspace", tmp_path / "w")
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("made", [False, True])
def test_an_empty_workspace_says_what_comes_first(refused, tmp_path, portrait_clips, made):
    workspace = tmp_path / "w"
    if made:
        workspace.mkdir()
    assert "run 'faceswap extract' first" in refused("train", "--workspace", workspace)
    assert "run 'faceswap extract' first" in refused("masks", "--workspace", workspace)
    out = ("--workspace", workspace, "--out", tmp_path / "o.mp4")
    assert "run 'faceswap train' first" in refused("convert", portrait_clips[0], *out)
    assert workspace.exists() == made and (not made or not os.listdir(workspace))


def test_a_file_as_workspace_is_refused(refused, text_file, portrait_clips):
    for arguments in (("train",), ("masks",), ("extract", portrait_clips[0], "--person", "a")):
        assert "expected a folder" in refused(*arguments, "--workspace", text_file)


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (["train", "--workspace", "W", "--stepz", "5"], "--steps"),
        (["run", "a.mp4", "b.mp4", "--workspace", "W", "--prezet", "tiny"], "--preset"),
        (["convert", "a.mp4", "--workspace", "W", "--out", "o.mp4", "--color-transfr", "adain"], "--color-transfer"),
        (["extract", "a.mp4", "--workspace", "W", "--person", "a", "--min-fase", "1"], "--min-face-size"),
    ],
)
def test_an_unknown_option_names_the_nearest(refused, monkeypatch, tmp_path, arguments, nearest):
    monkeypatch.chdir(tmp_path)
    message = refused(*arguments)
    assert next(a for a in arguments if a.startswith("--") and a[2:] in message) and nearest in message


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["trian"], "train"),
        ([], "train"),
        (["train"], "--workspace"),
        (["extract", "a.mp4", "--workspace", "W", "--person", "both"], "a"),
        (["train", "--workspace", "W", "--preset", "huge"], "lite"),
        (["train", "--workspace", "W", "--steps", "many"], "--steps"),
        (["extract", "--workspace", "W", "--person", "a"], "VIDEO"),
    ],
)
def test_wrong_use_says_what_is_right(refused, monkeypatch, tmp_path, arguments, named):
    monkeypatch.chdir(tmp_path)
    assert named.lower() in refused(*arguments).lower()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--workspace", "W", "--batch-size", "0"], "batch_size must be between 1 and"),
        (["train", "--workspace", "W", "--seed", "-1"], "seed must be between 0 and"),
        (["convert", "a.mp4", "--workspace", "W", "--out", "o.mp4", "--feather", "7"], "feather must be between"),
        (
            ["extract", "a.mp4", "--workspace", "W", "--person", "a", "--frame-stride", "0"],
            "frame_stride must be between 1 and",
        ),
        (
            ["extract", "a.mp4", "--workspace", "W", "--person", "a", "--max-crops", "-1"],
            "max_crops must be between 0 and",
        ),
        (
            ["extract", "a.mp4", "--workspace", "W", "--person", "a", "--min-face-size", "2"],
            "min_face_size must be between",
        ),
        (["extract", "a.mp4", "--workspace", "W", "--person", "a", "--max-gap", "-1"], "max_gap must be between 0"),
    ],
)
def test_an_option_out_of_range_says_the_range(refused, monkeypatch, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(*arguments)


def test_a_checkpoint_of_another_resolution_is_refused(refused, tiny_run):
    root = tiny_run.workspace.root
    message = refused("train", "--workspace", root, "--preset", "lite", watched=root)
    assert "was trained with resolution 64, asked for 128" in message and "--run" in message
    for name in ("a/b", ".."):
        assert "plain folder name" in refused("train", "--workspace", root, "--run", name, watched=root)


def test_an_output_already_there_is_kept(refused, tiny_run, portrait_clips, tmp_path):
    out = tmp_path / "swap.mp4"
    out.write_bytes(b"precious")
    arguments = ("convert", portrait_clips[0], "--workspace", tiny_run.workspace.root, "--out")
    assert "is already there; pass --overwrite" in refused(*arguments, out)
    assert "expected an output named .mp4" in refused(*arguments, tmp_path / "swap.avi")
    clip = shutil.copy(portrait_clips[0], tmp_path / "clip.mp4")
    mine = ("convert", clip, "--workspace", tiny_run.workspace.root, "--out", clip, "--overwrite")
    assert "is the input; name another place" in refused(*mine)


def test_another_persons_video_is_not_mixed_in(refused, workspace_copy, portrait_clips):
    root = workspace_copy.root
    message = refused("extract", portrait_clips[1], "--workspace", root, "--person", "a", watched=root)
    assert "faces of another video (hopper.mp4)" in message and "--overwrite" in message


def test_from_a_shell_bad_input_gives_code_2_and_no_traceback(tmp_path, text_file):
    for arguments in (["extract", str(text_file), "--workspace", "w", "--person", "a"], ["train", "--bogus"]):
        result = subprocess.run(
            [sys.executable, "-c", "import sys; from faceswap_lib.cli import main; sys.exit(main())", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 2, result.stderr
        assert 1 <= len(message_lines(result.stderr)) <= 2 and "Traceback" not in result.stderr
        assert result.stdout == "" and os.listdir(tmp_path) == ["notes.mp4"]


# What works ----------------------------------------------------------------------------------------------------------


def option_texts(verb: type) -> dict[str, str]:
    """The options of a verb as they are typed, with their documentation; nested option classes are spread out."""
    hints = typing.get_type_hints(verb, include_extras=True)
    texts = {}
    for field in dataclasses.fields(verb):
        kind, *notes = typing.get_args(hints[field.name])
        if dataclasses.is_dataclass(kind):
            texts |= option_texts(kind)
            continue
        doc = next(note.documentation for note in notes if isinstance(note, Doc))
        if tyro.conf.Positional[int].__metadata__[0] in notes:
            name = next(note.metavar for note in notes if hasattr(note, "metavar"))
        else:
            name = "--" + {"side": "as"}.get(field.name, field.name.replace("_", "-"))
        texts[f"{name} {field.name}"] = doc
    return texts


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: name_of(verb))
def test_help_of_every_verb_explains_every_option(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name_of(verb), "--help"])
    assert stop.value.code in (0, None)
    text = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    assert " ".join(verb.__doc__.split()) in text
    for key, doc in option_texts(verb).items():
        name = key.split()[0]
        assert re.search(rf"(^| ){name}\b", text), name
        assert doc in text, key


def test_help_lists_every_verb_and_needs_no_keras(tmp_path):
    program = (
        "import sys\nfrom faceswap_lib.cli import main\n"
        "try:\n    main(['--help'])\n"
        "finally:\n    assert not {'keras', 'tensorflow', 'mtcnn'} & set(sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    for verb in VERBS:
        assert name_of(verb) in result.stdout


def test_the_doctor_finds_everything_needed(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not any(line.startswith("MISSING") for line in lines)
    named = {line[8:].split()[0] for line in lines}
    assert {"python", "tensorflow", "mtcnn", "filterpy", "Keras", "MTCNN", "devices"} <= named


def test_extract_says_how_many_faces_it_dropped_and_why(tmp_path, portrait_clips, capsys):
    options = ["--min-sharpness", "350", "--min-crops", "1", "--save-faces"]  # in focus, but not all as much
    assert (
        main(["extract", str(portrait_clips[1]), "--workspace", str(tmp_path), "--person", "b", *options, *CONSENT])
        == 0
    )
    found = re.search(r"(\d+) faces in \S+ \((\d+) new, (\d+) blurred ones dropped\)", capsys.readouterr().out)
    crops, new, blurred = (int(number) for number in found.groups())
    assert crops == new == len(read_manifest(tmp_path / "face_dst")) and blurred > 0 and crops + blurred == 38
    assert len(os.listdir(tmp_path / "faces" / "raw_faces")) == crops


def test_extract_masks_and_convert_do_what_they_say(tmp_path, tiny_run, portrait_clips, capsys):
    workspace = shutil.copytree(tiny_run.workspace.root, tmp_path / "w", ignore=shutil.ignore_patterns("step-*20.npz"))
    shutil.rmtree(workspace / "binary_masks")
    extract = ["extract", str(portrait_clips[1]), "--workspace", str(workspace), "--person", "a", "--frame-stride", "4"]
    assert main([*extract, "--overwrite", *CONSENT]) == 0
    assert f"10 faces in {workspace / 'face_src'} (10 new)" in capsys.readouterr().out
    assert main(extract) == 0
    assert f"10 faces in {workspace / 'face_src'} (0 new)" in capsys.readouterr().out
    assert len(read_manifest(workspace / "face_src")) == 10
    assert main(["masks", "--workspace", str(workspace)]) == 0
    out = capsys.readouterr().out
    assert "0 new eye masks" in out and "38 new eye masks" in out  # extracting src has drawn its own
    video = tmp_path / "o.mp4"
    convert = ["convert", str(portrait_clips[0]), "--workspace", str(workspace), "--out", str(video)]
    options = ["--direction", "b2a", "--color-transfer", "histogram"]
    assert main([*convert, *options]) == 2  # the consent above is for the other video
    assert f"no record of it for {portrait_clips[0].name}" in capsys.readouterr().err
    assert main([*convert, *options, *CONSENT]) == 0
    assert "38 of 38 frames have the new face" in capsys.readouterr().out
    changed = [
        np.abs(a.astype(int) - b).mean()
        for a, b in zip(read_frames(video), read_frames(portrait_clips[0]), strict=True)
    ]
    assert min(changed) > 1


@pytest.fixture
def trained(tmp_path, tiny_run) -> pathlib.Path:
    """A workspace with a run, free to be changed."""
    return shutil.copytree(tiny_run.workspace.root, tmp_path / "w")


def test_what_was_converted_is_verified_and_a_changed_file_is_not(tmp_path, trained, portrait_clips, capsys):
    out = tmp_path / "o.mp4"
    arguments = ["--workspace", str(trained), "--end", "0.4", "--inference-backend", "keras", "--latent-shift", "0"]
    assert main(["convert", str(portrait_clips[0]), *arguments, "--out", str(out), *CONSENT]) == 0
    assert "10 of 10 frames have the new face" in capsys.readouterr().out
    assert main(["verify", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("intact; signed by this computer") and "both agreed" in said
    data = bytearray(out.read_bytes())
    data[len(data) // 2] ^= 255
    out.write_bytes(data)
    assert main(["verify", str(out)]) == 1
    assert "altered since" in capsys.readouterr().err
    assert main(["verify", str(portrait_clips[0])]) == 1
    assert "no credentials" in capsys.readouterr().err


def test_pictures_are_converted_too(tmp_path, trained, portrait_clips, capsys):
    (tmp_path / "in").mkdir()
    for index, frame in enumerate(read_frames(portrait_clips[0], stop=2)):
        write_image(tmp_path / "in" / f"{index}.png", frame)
    run = ("--workspace", str(trained), "--inference-backend", "keras", "--latent-shift", "0")
    assert main(["convert", str(tmp_path / "in"), *run, "--out", str(tmp_path / "out"), *CONSENT]) == 0
    assert "2 of 2 frames have the new face" in capsys.readouterr().out
    assert {"0.png", "1.png"} <= set(os.listdir(tmp_path / "out"))
    assert main(["verify", str(tmp_path / "out" / "0.png")]) == 0
    assert main(["convert", str(tmp_path / "in" / "0.png"), *run, "--out", str(tmp_path / "one.jpg")]) == 0
    assert main(["verify", str(tmp_path / "one.jpg")]) == 0


def test_parts_are_swapped_into_a_faceset_of_their_own(tmp_path, tiny_run, capsys):
    out = tmp_path / "parts"
    run = ["swap-parts", "--workspace", str(tiny_run.workspace.root), "--person", "a", "--out", str(out)]
    assert main([*run, "--parts", "eyes", "mouth", "--fraction", "0.5"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"19 crops with eyes and mouth from \d+ crops of the other person, 38 original crops", told)
    assert len(read_manifest(out / "face_src")) == 57
    assert main([*run[:-1], str(tmp_path / "other")]) == 2


def test_evaluate_says_that_an_input_is_no_swap_and_compare_lays_reports_side_by_side(tmp_path, portrait_clips, capsys):
    hopper, collins = (str(clip) for clip in portrait_clips)
    quick = ("--landmarks", "five", "--embedder", "none", "--baseline-frames", "0")
    pages = [tmp_path / f"{name}.html" for name in ("one", "two")]
    for page, limits in zip(pages, ((), ("--fail-under", "landmark_error=0.1", "coverage=5")), strict=True):
        arguments = ["evaluate", hopper, "--original", hopper, "--identity", collins, "--out", str(page)]
        code = main([*arguments, *quick, *limits[:2]])
        out = capsys.readouterr().out
        assert code == 0 and "Nothing was swapped" in out and "left out: identity" in out
        assert page.is_file() and page.with_suffix(".json").is_file()
    assert main([*arguments, *quick, "--fail-under", "background_psnr=200"]) == 1
    assert "background_psnr is 100, expected at least 200" in capsys.readouterr().err
    together = tmp_path / "both.html"
    assert main(["compare", *(str(page.with_suffix(".json")) for page in pages), "--out", str(together)]) == 0
    assert "landmark_error" in together.read_text()


def test_a_limit_that_makes_no_sense_is_refused_before_anything_is_measured(refused, tmp_path, portrait_clips):
    arguments = ["evaluate", portrait_clips[0], "--original", portrait_clips[0], "--identity", portrait_clips[1]]
    arguments += ["--out", tmp_path / "r.html", "--fail-under"]
    assert "no metric 'seem'; did you mean 'seam'" in refused(*arguments, "seem=2")
    assert "neither a higher nor a lower" in refused(*arguments, "psnr=2")
    assert "--fail-under: expected metric=number, such as score=30, got 'score'" in refused(*arguments, "score")
    assert "expected the name of a page that ends in .html" in refused(*arguments[:-3], "--out", tmp_path / "r.pdf")
    assert "at least two reports" in refused("compare", tmp_path / "r.json", "--out", tmp_path / "c.html")


def test_no_verb_writes_over_what_it_reads(refused, tmp_path, portrait_clips):
    """Also under another name of the same file."""
    page, project = tmp_path / "page.html", tmp_path / "w"
    os.link(portrait_clips[0], page)
    arguments = ["evaluate", portrait_clips[1], "--original", page, "--identity", portrait_clips[1]]
    assert f"{page} is the original" in refused(*arguments, "--out", page)
    numbers = tmp_path / "other.json"
    os.link(portrait_clips[0], numbers)
    arguments[3] = numbers
    assert f"{numbers} is the original" in refused(*arguments, "--out", numbers.with_suffix(".html"))
    reports = [tmp_path / f"{name}.json" for name in ("one", "two")]
    for report in reports:
        report.write_text("{}")
    assert "expected the name of a page that ends in .html" in refused("compare", *reports, "--out", reports[0])
    link = tmp_path / "link.html"
    link.symlink_to(reports[0])
    assert f"{link} is report 1" in refused("compare", *reports, "--out", link)
    project.mkdir()
    for name in ("swap.mp4", "side_by_side.mp4"):
        own = project / name
        os.link(portrait_clips[0], own)
        assert f"{own} is A's video" in refused("run", own, portrait_clips[1], "--workspace", project)
        assert f"{own} is B's video" in refused("run", portrait_clips[1], own, "--workspace", project)
        own.unlink()


@pytest.mark.parametrize("name", ["plan", "plan.docx", "plan.mp4", "folder.png"])
def test_a_plan_is_drawn_on_a_picture_only(refused, tmp_path, name):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "plan.docx").write_text("a thesis")
    message = refused("train", "--workspace", tmp_path / "w", "--schedule-picture", tmp_path / name)
    assert f"expected an image file .png or .svg for the chart of the schedule, got {tmp_path / name}" in message


def test_a_run_that_goes_on_keeps_its_options_unless_told_otherwise(tmp_path):
    folder = Workspace(tmp_path).run("first")
    folder.mkdir(parents=True)
    trained = dataclasses.replace(TRAINING_PRESETS["faceswap-gan"], steps=77)
    (folder / "config.json").write_text(json.dumps({"training": options_to_dict(trained)}), encoding="utf-8")
    go_on = ["train", "--workspace", str(tmp_path), "--run=first"]
    assert cli._parse(go_on).training == trained
    assert cli._parse([*go_on, "--steps", "99"]).training == dataclasses.replace(trained, steps=99)
    assert cli._parse([*go_on, "--preset", "lite"]).training == TRAINING_PRESETS["lite"]
    assert cli._parse(["train", "--workspace", str(tmp_path)]).training == TrainConfig()
    (folder / "config.json").write_text('{"training": {"stepz": 1}}', encoding="utf-8")
    assert cli._parse(go_on).training == TrainConfig()
