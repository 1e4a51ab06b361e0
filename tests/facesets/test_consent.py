"""Consent: recorded, read back, written by hand, demanded."""

import datetime
import hashlib
import json
import pathlib
import shutil

import pytest
import yaml

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets.consent import (
    Consent,
    ConsentVideo,
    cover_videos,
    faceset_videos,
    read_consent,
    record_consent,
    require_consent,
    require_swap_consent,
)
from faceswap_lib.facesets.workspace import Workspace


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "work")


def by_hand(workspace: Workspace, text: str) -> None:
    workspace.root.mkdir(parents=True, exist_ok=True)
    (workspace.root / "consent.yaml").write_text(text, encoding="utf-8")


def test_a_recorded_consent_comes_back_with_its_videos(workspace, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"one")
    (tmp_path / "b.mp4").write_bytes(b"two")
    before = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    record_consent(workspace, " Åsa agreed: for this film ", [tmp_path / "a.mp4", tmp_path / "b.mp4"])
    (consent,) = read_consent(workspace)
    assert consent.statement == "Åsa agreed: for this film"
    assert consent.videos == (
        ConsentVideo(name="a.mp4", sha256=hashlib.sha256(b"one").hexdigest()),
        ConsentVideo(name="b.mp4", sha256=hashlib.sha256(b"two").hexdigest()),
    )
    assert before <= datetime.datetime.fromisoformat(consent.time) <= datetime.datetime.now(datetime.timezone.utc)
    assert consent.time.endswith("+00:00")


def test_consents_add_up_and_the_same_one_does_not(workspace, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"one")
    record_consent(workspace, "Anna agreed")
    record_consent(workspace, "Ben agreed")
    text = (workspace.root / "consent.yaml").read_text(encoding="utf-8")
    record_consent(workspace, "Anna agreed")
    assert (workspace.root / "consent.yaml").read_text(encoding="utf-8") == text
    record_consent(workspace, "Anna agreed", [tmp_path / "a.mp4"])  # another video is another consent
    assert [consent.statement for consent in read_consent(workspace)] == ["Anna agreed", "Ben agreed", "Anna agreed"]
    assert [len(consent.videos) for consent in read_consent(workspace)] == [0, 0, 1]


def test_a_statement_alone_written_by_hand_is_enough(workspace):
    by_hand(workspace, "statement: Anna and Ben agreed on 3 May\n")
    assert read_consent(workspace) == (Consent(statement="Anna and Ben agreed on 3 May"),)
    require_consent(workspace, None)


def test_what_was_written_by_hand_stays_as_it_is(workspace):
    text = "# signed on paper, in the drawer\nstatement: 'Anna agreed: yes'\ntime: 2026-05-03"
    by_hand(workspace, text)
    record_consent(workspace, "Ben agreed")
    written = (workspace.root / "consent.yaml").read_text(encoding="utf-8")
    assert written.startswith(text + "\n---\n")
    assert [consent.statement for consent in read_consent(workspace)] == ["Anna agreed: yes", "Ben agreed"]
    assert read_consent(workspace)[0].time == "2026-05-03"
    assert [document["statement"] for document in yaml.safe_load_all(written)] == ["Anna agreed: yes", "Ben agreed"]


@pytest.mark.parametrize(
    "text",
    [
        "Anna agreed",
        "- statement: Anna agreed",
        "statement:",
        "statement: 5",
        "statement: '  '",
        "time: 2026-05-03",
        "{statement: Anna, time: 2026-02-31}",
        "statement: Anna: yes",
        "statement: [",
        "statement: !!python/object/apply:os.getcwd []",
        "{statement: Anna, videos: 3}",
        "{statement: Anna, videos: [a.mp4]}",
        "{statement: Anna, videos: [{name: a.mp4}]}",
    ],
)
def test_a_file_that_says_nothing_usable_is_an_error_that_says_how(workspace, text):
    by_hand(workspace, text)
    for action in (
        lambda: read_consent(workspace),
        lambda: require_consent(workspace, None),
        lambda: record_consent(workspace, "Ben agreed"),
    ):
        with pytest.raises(WorkspaceError, match=r"consent\.yaml: expected .*\S") as caught:
            action()
        assert "\n" not in str(caught.value)
    assert (workspace.root / "consent.yaml").read_text(encoding="utf-8") == text


def test_without_any_consent_two_lines_say_what_is_needed_and_how(workspace):
    for text in (None, "", "# nothing yet\n"):
        if text is not None:
            by_hand(workspace, text)
        assert read_consent(workspace) == ()
        with pytest.raises(InputError) as caught:
            require_consent(workspace, None)
        needed, how = str(caught.value).splitlines()
        assert "consent of the people" in needed
        assert '--consent "..."' in how and str(workspace.root / "consent.yaml") in how
        assert caught.value.exit_code == 2
    assert not list(workspace.root.glob("*")) or [path.name for path in workspace.root.iterdir()] == ["consent.yaml"]


def test_a_statement_given_is_recorded_and_counts_from_then_on(workspace, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"one")
    require_consent(workspace, "Anna agreed", [tmp_path / "a.mp4"])
    require_consent(workspace, None)
    (consent,) = read_consent(workspace)
    assert (consent.statement, consent.videos[0].name) == ("Anna agreed", "a.mp4")


def test_an_empty_statement_or_a_missing_video_records_nothing(workspace, tmp_path):
    with pytest.raises(InputError, match="expected a consent statement"):
        require_consent(workspace, "  ")
    with pytest.raises(InputError, match="no such file: .*b.mp4"):
        require_consent(workspace, "Anna agreed", [tmp_path / "b.mp4"])
    assert not workspace.root.exists()


# Which videos a consent is for -------------------------------------------------------------------------------------


def make_file(path: pathlib.Path, content: str) -> pathlib.Path:
    path.write_text(content)
    return path


def make_faceset(workspace: Workspace, side: str, video: pathlib.Path | None) -> None:
    """A faceset as far as consents look at it; one without a video was made in another way than by extraction."""
    folder = workspace.faces(side)
    folder.mkdir(parents=True)
    (folder / "manifest.jsonl").write_text(f"{side}\n")
    if video is not None:
        source = {"video": video.name, "sha256": hashlib.sha256(video.read_bytes()).hexdigest()}
        (folder / "source.json").write_text(json.dumps(source))


@pytest.fixture
def videos(tmp_path) -> dict[str, pathlib.Path]:
    return {name: make_file(tmp_path / f"{name}.mp4", name) for name in ("anna", "ben", "street")}


@pytest.fixture
def project(workspace, videos) -> Workspace:
    """A workspace with facesets of Anna and Ben; nobody was asked yet."""
    make_faceset(workspace, "src", videos["anna"])
    make_faceset(workspace, "dst", videos["ben"])
    return workspace


def refusal(workspace: Workspace, inputs: list[pathlib.Path] | None) -> tuple[str, str]:
    """The two lines with which a swap is refused; nothing is written."""
    before = (workspace.root / "consent.yaml").read_bytes() if (workspace.root / "consent.yaml").exists() else None
    with pytest.raises(InputError) as caught:
        require_swap_consent(workspace, None, inputs)
    assert caught.value.exit_code == 2
    assert ((workspace.root / "consent.yaml").read_bytes() if before is not None else None) == before
    needed, how = str(caught.value).splitlines()
    assert needed.startswith("a swap needs the consent of the people it shows") and '--consent "..."' in how
    return needed, how


def test_a_swap_of_another_video_is_not_covered_by_what_others_agreed_to(project, videos):
    record_consent(project, "Anna and Ben agreed", [videos["anna"], videos["ben"]])
    require_swap_consent(project, None, [videos["anna"]])
    require_swap_consent(project, None, [videos["ben"]])
    needed, _ = refusal(project, [videos["street"]])
    assert needed.endswith("there is no record of it for street.mp4")
    require_swap_consent(project, "the passers-by agreed", [videos["street"]])
    refusal(project, [videos["street"]])  # what is only asked about is not recorded


def test_a_copy_is_the_same_video_and_one_encoded_again_is_another(project, videos, tmp_path):
    record_consent(project, "both agreed", [videos["anna"], videos["ben"]])
    copy = pathlib.Path(shutil.copy(videos["anna"], tmp_path / "holiday.mov"))
    require_swap_consent(project, None, [copy])
    assert "for again.mp4" in refusal(project, [make_file(tmp_path / "again.mp4", "anna, encoded again")])[0]


def test_the_facesets_videos_must_be_covered_as_well(project, videos):
    record_consent(project, "the street agreed", [videos["street"]])
    assert refusal(project, [videos["street"]])[0].endswith("for anna.mp4, ben.mp4")
    record_consent(project, "Anna agreed", [videos["anna"]])
    assert refusal(project, [videos["street"]])[0].endswith("for ben.mp4")
    record_consent(project, "Ben agreed", [videos["ben"]])
    require_swap_consent(project, None, [videos["street"]])


def test_facesets_are_known_where_their_videos_are_not(project, videos):
    """As after fetching a kept workspace."""
    record_consent(project, "both agreed", [videos["anna"], videos["ben"]])
    videos["ben"].unlink()
    require_swap_consent(project, None, [videos["anna"]])


def test_a_faceset_that_was_not_extracted_is_known_by_its_manifest(workspace, videos):
    make_faceset(workspace, "src", None)
    make_faceset(workspace, "dst", videos["ben"])
    record_consent(workspace, "both agreed", [videos["anna"], videos["ben"]])
    assert refusal(workspace, [videos["anna"]])[0].endswith("for face_src")
    record_consent(workspace, "Anna agreed to her parts", [faceset_videos(workspace)[0]])
    require_swap_consent(workspace, None, [videos["anna"]])
    (workspace.faces("src") / "manifest.jsonl").write_text("other crops")
    refusal(workspace, [videos["anna"]])


def test_every_picture_of_a_folder_must_be_covered(project, videos, tmp_path):
    record_consent(project, "both agreed", [videos["anna"], videos["ben"]])
    pictures = [make_file(tmp_path / f"{index}.png", str(index)) for index in range(6)]
    assert refusal(project, pictures)[0].endswith("for 0.png, 1.png, 2.png and 3 more")
    record_consent(project, "they agreed", pictures)
    require_swap_consent(project, None, pictures)
    require_swap_consent(project, None, pictures[2:3])
    assert refusal(project, [*pictures, make_file(tmp_path / "new.png", "new")])[0].endswith("for new.png")


def test_a_camera_is_asked_for_every_time(project, videos):
    record_consent(project, "both agreed", [videos["anna"], videos["ben"]])
    assert refusal(project, None)[0].endswith("for the camera's recording")
    require_swap_consent(project, "Anna agreed", None)
    with pytest.raises(InputError, match="expected a consent statement"):
        require_swap_consent(project, " ", None)


def test_a_statement_by_hand_is_for_the_facesets_videos(workspace, videos):
    by_hand(workspace, "statement: Anna and Ben agreed on 3 May\n")
    require_consent(workspace, None, [videos["anna"], videos["ben"]])  # they are still to be extracted
    make_faceset(workspace, "src", videos["anna"])
    require_consent(workspace, None, [videos["ben"]])
    make_faceset(workspace, "dst", videos["ben"])
    require_consent(workspace, None, [videos["anna"], videos["ben"]])
    require_swap_consent(workspace, None, [videos["anna"]])
    refusal(workspace, [videos["street"]])
    with pytest.raises(InputError, match=r"no record of it for street\.mp4\n"):
        require_consent(workspace, None, [videos["street"]])


def test_a_recorded_consent_does_not_let_another_video_be_extracted(workspace, videos):
    require_consent(workspace, "Anna agreed", [videos["anna"]])
    require_consent(workspace, None, [videos["anna"]])
    with pytest.raises(InputError, match=r"no record of it for street\.mp4\n"):
        require_consent(workspace, None, [videos["anna"], videos["street"]])


def test_only_the_statements_that_cover_something_are_given(project, videos):
    record_consent(project, "Carl agreed", [videos["street"]])
    record_consent(project, "both agreed", [videos["anna"]])
    record_consent(project, "both agreed", [videos["ben"]])
    asked = [ConsentVideo.of(videos[name]) for name in ("anna", "ben")]
    assert cover_videos(project, asked).statements == ("both agreed",)
    assert cover_videos(project, asked).uncovered == ()
    assert cover_videos(project, [ConsentVideo.of(videos["street"])]).statements == ("Carl agreed",)
