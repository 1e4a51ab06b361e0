"""Consent: recorded, read back, written by hand, demanded."""

import datetime
import hashlib

import pytest
import yaml

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets.consent import Consent, ConsentVideo, read_consent, record_consent, require_consent
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
