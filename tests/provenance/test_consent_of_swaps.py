"""What a swap says of the people it shows: who was seen and swapped, and whose consent is for it."""

import dataclasses
import fractions
import json
import pathlib
import shutil

import cv2
import numpy as np
import pytest

from faceswap_lib.cli import main
from faceswap_lib.conversion import ConvertConfig, OutputConfig
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import FaceTrack, TrackConfig, VideoTracks
from faceswap_lib.faces.selection import choose_by_rule
from faceswap_lib.faces.selection import count_people as count_everybody
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.facesets.consent import read_consent, record_consent
from faceswap_lib.media import VideoWriter, read_frames, write_image
from faceswap_lib.pipeline import convert, converting
from faceswap_lib.provenance.people_count import PeopleCount, count_people, describe_people, relate_counts
from faceswap_lib.provenance.provenance import verify
from faceswap_lib.training import TrainConfig, load_run
from faceswap_lib.training.run_metadata import learnt_videos, stored_networks, write_config
from tests.fakes import make_face

STATEMENT = "Anna and Ben agreed"
PLAIN = {"config": ConvertConfig(latent_shift=0), "output_config": OutputConfig(inference_backend="keras")}
FRAMES = 12
ENDS = ("at_least", "at_most")


class InvertingSwapper:
    """Writes the negative of each face, all of it: quickly, and so that it is seen."""

    def __init__(self, networks):
        self.resolution, self.coverage = networks.config.resolution, networks.config.view_coverage

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(views.shape[:3], np.float32), 255 - views


@pytest.fixture(scope="module")
def loaded(tiny_run) -> tuple:
    return load_run(tiny_run.workspace, "default")


@pytest.fixture
def project(tiny_run, loaded, portrait_clips, tmp_path, monkeypatch) -> Workspace:
    """A trained workspace with a consent for the two videos that its facesets come from; its networks are stand-ins."""
    monkeypatch.setattr(converting, "load_run", lambda workspace, run: loaded)
    monkeypatch.setattr(converting, "open_swapper", lambda networks, *arguments, **options: InvertingSwapper(networks))
    monkeypatch.setattr(converting, "load_identities", lambda workspace, direction: None)
    workspace = Workspace(shutil.copytree(tiny_run.workspace.root, tmp_path / "w"))
    record_consent(workspace, STATEMENT, portrait_clips)
    return workspace


@pytest.fixture(scope="module")
def crowd(portrait_clips) -> list[np.ndarray]:
    """Frames that show two people: one and, beside and smaller, another."""
    pictures = []
    for one, other in list(zip(*map(read_frames, portrait_clips), strict=True))[:FRAMES]:
        small = np.full_like(other, 128)
        small[40:208, 40:208] = cv2.resize(other, (168, 168), interpolation=cv2.INTER_AREA)
        pictures.append(np.concatenate([one, small], axis=1))
    return pictures


@pytest.fixture(scope="module")
def street(crowd, tmp_path_factory) -> pathlib.Path:
    """A video that nobody in it was asked about."""
    path = tmp_path_factory.mktemp("street") / "street.mp4"
    with VideoWriter(path, width=448, height=224, fps=fractions.Fraction(25)) as writer:
        for picture in crowd:
            writer.write(picture)
    return path


def command(project: Workspace, source: object, out: pathlib.Path, *more: str) -> int:
    options = ("--inference-backend", "keras", "--latent-shift", "0", *more)
    return main(["convert", str(source), "--workspace", str(project.root), "--out", str(out), *options])


def stated(seen: tuple[int, int], swapped: tuple[int, int]) -> dict:
    return {"seen": dict(zip(ENDS, seen, strict=True)), "swapped": dict(zip(ENDS, swapped, strict=True))}


def test_a_street_video_is_refused_until_its_people_agreed(project, street, tmp_path, capsys):
    out = tmp_path / "swap.mp4"
    before = (project.root / "consent.yaml").read_bytes()
    assert command(project, street, out) == 2
    needed, how = capsys.readouterr().err.strip().splitlines()
    assert "there is no record of it for street.mp4" in needed and '--consent "..."' in how
    assert not out.exists() and (project.root / "consent.yaml").read_bytes() == before
    assert command(project, street, out, "--consent", "the passers-by agreed") == 0
    assert "in the input: 2 people seen, 1 swapped\n" in capsys.readouterr().out
    facts = verify(out).facts
    assert facts["consent"] == [STATEMENT, "the passers-by agreed"] and "no_consent_for" not in facts
    assert facts["people"] == stated((2, 2), (1, 1))
    assert read_consent(project)[-1].videos[0].name == "street.mp4"
    copy = pathlib.Path(shutil.copy(street, tmp_path / "copy.mp4"))
    assert command(project, copy, out, "--overwrite", "--end", "0.1") == 0  # the same video


def test_from_python_nothing_is_asked_and_nothing_stated_that_is_not_so(project, street, tmp_path):
    out = tmp_path / "swap.mp4"
    conversion = convert(street, project, out, **PLAIN, track_config=TrackConfig(subject="all"))
    verdict = verify(out)
    assert verdict.intact and verdict.facts["consent"] == []
    assert "no consent is recorded for street.mp4" in verdict.summary
    assert "in the input: 2 people seen, 2 swapped" in verdict.summary
    assert not any(STATEMENT in line or line.startswith("consent:") for line in verdict.summary)
    assert conversion.people == PeopleCount(seen=(2, 2), swapped=(2, 2))


def test_a_donor_who_was_not_asked_is_named(project, portrait_clips, tmp_path):
    (project.root / "consent.yaml").unlink()
    record_consent(project, "Anna agreed", portrait_clips[:1])
    record_consent(project, "Carl agreed to something else", [project.run("default") / "config.json"])
    out = tmp_path / "swap.mp4"
    assert command(project, portrait_clips[0], out) == 2
    convert(
        portrait_clips[0],
        project,
        out,
        config=PLAIN["config"],
        output_config=OutputConfig(inference_backend="keras", end=0.1),
    )
    facts = verify(out).facts
    assert facts["consent"] == ["Anna agreed"] and facts["no_consent_for"] == [portrait_clips[1].name]


def test_a_statement_for_a_conversion_is_for_its_facesets_too(project, portrait_clips, tmp_path):
    (project.root / "consent.yaml").unlink()
    short = ("--end", "0.1", "--overwrite")
    assert command(project, portrait_clips[0], tmp_path / "swap.mp4", *short) == 2
    assert command(project, portrait_clips[0], tmp_path / "swap.mp4", *short, "--consent", STATEMENT) == 0
    assert command(project, portrait_clips[0], tmp_path / "swap.mp4", *short) == 0
    assert verify(tmp_path / "swap.mp4").facts["consent"] == [STATEMENT]


def test_faces_that_were_learnt_before_their_faceset_was_replaced_need_consent_too(project, portrait_clips, tmp_path):
    """`extract --overwrite` changes what the faceset comes from, not what the networks know."""
    config, source = project.run("default") / "config.json", project.faces("dst") / "source.json"
    facesets = [Faceset.open(project, side) for side in ("src", "dst")]
    here = json.loads(source.read_text())
    source.write_text(json.dumps(here | {"video": "carl.mp4", "sha256": "c" * 64}))
    write_config(config.parent, stored_networks(config.parent), TrainConfig(), facesets)
    source.write_text(json.dumps(here))
    write_config(config.parent, stored_networks(config.parent), TrainConfig(), facesets)
    learnt = learnt_videos(config.parent)
    assert sorted(video.name for video in learnt) == ["carl.mp4", *(clip.name for clip in portrait_clips[::-1])]
    out, short = tmp_path / "swap.mp4", ("--end", "0.1", "--overwrite")
    assert command(project, portrait_clips[0], out, *short) == 2
    convert(
        portrait_clips[0],
        project,
        out,
        config=PLAIN["config"],
        output_config=OutputConfig(inference_backend="keras", end=0.1),
    )
    verdict = verify(out)
    assert verdict.facts["no_consent_for"] == ["carl.mp4"] and "trained before on: carl.mp4" in verdict.summary
    assert command(project, portrait_clips[0], out, *short, "--consent", "all three agreed") == 0
    assert command(project, portrait_clips[0], out, *short) == 0


@pytest.mark.parametrize("noted", [[], 5, {"face_src": 5}, {"face_src": [5]}, {"face_src": [{"name": "a"}]}])
def test_damaged_notes_of_what_was_learnt_are_refused(project, noted):
    config = project.run("default") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"learnt_from": noted}))
    with pytest.raises(WorkspaceError, match="learnt_from: expected lists of videos"):
        learnt_videos(config.parent)


def test_pictures_say_it_each_for_itself(project, crowd, tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    write_image(folder / "alone.png", crowd[0][:, :224])
    write_image(folder / "two.png", crowd[0])
    assert command(project, folder, tmp_path / "out") == 2
    assert "for alone.png, two.png" in capsys.readouterr().err
    assert command(project, folder, tmp_path / "out", "--consent", "they agreed") == 0
    assert "in the input: 2 to 3 people seen, 1 to 2 swapped (whoever" in capsys.readouterr().out
    assert verify(tmp_path / "out" / "alone.png").facts["people"] == stated((1, 1), (1, 1))
    assert verify(tmp_path / "out" / "two.png").facts["people"] == stated((2, 2), (1, 1))
    assert command(project, folder / "two.png", tmp_path / "one.png") == 0
    write_image(folder / "new.png", crowd[1])
    assert command(project, folder, tmp_path / "out2") == 2
    assert "for new.png" in capsys.readouterr().err


def test_a_webcam_needs_a_statement_of_its_own(project, street, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(converting, "record_webcam", lambda camera, path, seconds: shutil.copy(street, path))
    assert command(project, 0, tmp_path / "swap.mp4") == 2
    assert "the camera's recording" in capsys.readouterr().err
    assert command(project, 0, tmp_path / "swap.mp4", "--consent", "who sat there agreed") == 0
    assert command(project, tmp_path / "swap.webcam.mp4", tmp_path / "again.mp4", "--end", "0.1") == 0


def test_an_interrupted_conversion_does_not_search_the_video_again(project, street, tmp_path, monkeypatch):
    out = tmp_path / "swap.mp4"
    detect, searched = converting.MTCNN.detect, []
    monkeypatch.setattr(
        converting.MTCNN, "detect", lambda self, frames: searched.append(len(frames)) or detect(self, frames)
    )

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(converting, "convert_video", interrupt)
        with pytest.raises(KeyboardInterrupt):
            convert(street, project, out, **PLAIN)
    assert searched and (tmp_path / ".swap.mp4.faces").is_dir()
    searched.clear()
    assert convert(street, project, out, **PLAIN).people == PeopleCount(seen=(2, 2), swapped=(1, 1))
    assert not searched and not (tmp_path / ".swap.mp4.faces").exists()


def test_a_part_of_a_video_is_counted_where_it_lies(project, street, tmp_path):
    late = OutputConfig(inference_backend="keras", start=0.2, end=0.4)
    conversion = convert(street, project, tmp_path / "swap.mp4", config=PLAIN["config"], output_config=late)
    assert (conversion.report.frames, conversion.report.swapped) == (5, 5)
    assert conversion.people == PeopleCount(seen=(2, 2), swapped=(1, 1))


def test_of_tracks_that_are_given_those_in_the_part_count(project, street, detector, tmp_path):
    everybody = track_video(street, detector, track_config=TrackConfig(subject="all"))
    late = dataclasses.replace(everybody, tracks=(*everybody.tracks[:1], follow(0, 2)))
    options = {"config": PLAIN["config"], "output_config": OutputConfig(inference_backend="keras", start=0.2, end=0.4)}
    conversion = convert(street, project, tmp_path / "swap.mp4", **options, tracks=late)
    assert conversion.people == PeopleCount(seen=None, swapped=(1, 1))
    assert verify(tmp_path / "swap.mp4").facts["people"] == {"swapped": {"at_least": 1, "at_most": 1}}


def test_an_empty_statement_is_refused_before_anything_is_done(project, street, tmp_path):
    with pytest.raises(InputError, match="expected a consent statement"):
        convert(street, project, tmp_path / "swap.mp4", **PLAIN, consent=" ")
    assert not (tmp_path / "swap.mp4").exists()


# Counting ----------------------------------------------------------------------------------------------------------


def follow(start: int, length: int) -> FaceTrack:
    return FaceTrack(start=start, faces=(make_face(50, 50),) * length)


def test_people_who_follow_one_another_may_be_one_or_several():
    one_after_another = VideoTracks(length=30, tracks=(follow(0, 10), follow(12, 10)))
    both = VideoTracks(length=30, tracks=(*one_after_another.tracks, follow(0, 30), follow(3, 2)))
    counted = count_people(one_after_another, both)
    assert counted == PeopleCount(seen=(2, 3), swapped=(1, 2))  # two frames may be a mistake
    assert counted.to_text() == "2 to 3 people seen, 1 to 2 swapped (whoever is shown again counts again)"
    unknown = count_people(one_after_another, None)
    assert unknown.to_text() == "1 to 2 people swapped; how many others there are was not counted"
    nobody = VideoTracks(length=30, tracks=())
    assert count_people(nobody, nobody).to_text() == "0 people seen, 0 swapped"
    short = VideoTracks(length=30, tracks=(follow(0, 2),))
    assert count_people(short, short).to_text() == "1 person seen, 1 swapped"


def test_those_who_were_followed_but_not_chosen_are_counted_too():
    """Also where only the chosen tracks are kept, as in a faceset's."""
    left, right = (tuple(make_face(x, 50) for _ in range(9)) for x in (20, 90))
    both = VideoTracks(length=9, tracks=(FaceTrack(start=0, faces=left), FaceTrack(start=0, faces=right)))
    chosen = dataclasses.replace(choose_by_rule(both, "center", 40, 100), seen=count_everybody(both))
    assert len(chosen.tracks) == 1
    assert relate_counts(chosen, chosen.seen).to_text() == "2 people seen, 1 swapped"


@pytest.mark.parametrize(
    "facts",
    [
        *(None, 5, [], {}, {"seen": {"at_least": 1, "at_most": 1}}, {"swapped": {"at_least": 1}}, {"swapped": [1, 1]}),
        *({"swapped": {"at_least": "1", "at_most": "1"}}, {"swapped": {"at_least": 2, "at_most": 1}}),
        {"swapped": {"at_least": -1, "at_most": 1}},
    ],
)
def test_what_is_no_count_says_nothing(facts):
    assert describe_people(facts) == ""
