"""What notebook 08 shows: the command line, a file's credentials, a detector's scores."""

import numpy as np
import pytest

from faceswap_lib import show
from faceswap_lib.errors import InputError
from faceswap_lib.provenance.provenance import write_provenance
from tests.swaps import flip, make_facts, make_inputs, write_mp4


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FACESWAP_HOME", str(tmp_path / "home"))


def test_a_command_shows_what_it_was_asked_what_it_said_and_its_exit_code(tmp_path):
    said = show.show_command("verify", tmp_path / "<none>.mp4")
    assert said.exit_code == 2 and "no such file" in said.text
    page = said._repr_html_()
    assert "$ faceswap verify" in page and "&lt;none&gt;" in page and "<none>" not in page and "exit code 2" in page


def test_credentials_inside_a_file_are_a_table(tmp_path):
    pytest.importorskip("c2pa")
    inputs = make_inputs(tmp_path)
    out = write_mp4(tmp_path / "swap.mp4", inputs[0])
    write_provenance(out, make_facts(inputs))
    page = show.show_credentials(out).data
    for words in (
        "intact; signed by this computer",
        "source type: compositeWithTrainedAlgorithmicMedia",
        "Ed25519",
        "anna.mp4, sha256",
        "20000 steps, direction a2b",
        "Ben too",
        "inside the file",
    ):
        assert words in page
    flip(out, -300)
    assert "altered since it was signed" in show.show_credentials(out).data
    out.write_bytes(b"not a video at all" * 100)
    assert "cannot be judged" in show.show_credentials(out).data and "nowhere" in show.show_credentials(out).data


def test_a_sidecar_and_nothing_are_tables_too(tmp_path):
    inputs = make_inputs(tmp_path)
    out = tmp_path / "swap.mkv"
    out.write_bytes(b"pictures")
    assert "no credentials" in show.show_credentials(out).data and "nowhere" in show.show_credentials(out).data
    write_provenance(out, make_facts(inputs))
    page = show.show_credentials(out).data
    assert "in a sidecar beside it" in page and "anna.mp4 (sha256" in page
    with pytest.raises(InputError, match="no such file"):
        show.show_credentials(tmp_path / "none.mp4")


def test_what_a_file_says_is_no_page_of_its_own(tmp_path):
    inputs = make_inputs(tmp_path)
    facts = make_facts(inputs)
    out = tmp_path / "swap.mkv"
    out.write_bytes(b"pictures")
    object.__setattr__(facts, "consent", ("<script>alert(1)</script>\x1b[2J\u202edesrever",))
    write_provenance(out, facts)
    page = show.show_credentials(out).data
    assert "<script>" not in page and "\x1b" not in page and "\u202e" not in page and "desrever" in page


def test_what_a_viewer_should_know_has_a_row_of_its_own(tmp_path):
    inputs = make_inputs(tmp_path)
    facts = make_facts(inputs)
    learnt_from = {"src": {"video": "anna.mp4", "sha256": "a" * 64}, "dst": {"video": "ben.mov", "sha256": "b" * 64}}
    object.__setattr__(facts, "options", {**facts.options, "label": False, "learnt_from": learnt_from})
    object.__setattr__(facts, "uncovered", ("street.mp4",))
    for out in (tmp_path / "swap.mkv", write_mp4(tmp_path / "swap.mp4", inputs[0])):
        if not out.exists():
            out.write_bytes(b"pictures")
        write_provenance(out, facts)
        page = show.show_credentials(out).data
        for name, text in (
            ("visible label", "NONE, it was switched off"),
            ("trained on", "A: anna.mp4 (sha256 aaaaaaaaaaaaaaaa...), B: ben.mov (sha256 bbbbbbbbbbbbbbbb...)"),
            ("no consent is recorded for", "street.mp4"),
            ("in the input", "nobody counted the people"),
        ):
            assert f">{name}</th>" in page and f">{text}</td>" in page


def test_scores_are_drawn_per_question():
    truth = np.array([0, 0, 1, 1])
    figure = show.plot_roc(truth, {"easy": np.array([-2.0, -1, 1, 2]), "hard": np.array([2.0, -1, 1, -2])})
    curves, places = figure.axes
    texts = [text.get_text() for text in curves.get_legend().get_texts()]
    assert texts == ["easy, AUC 1.00", "hard, AUC 0.25"]
    assert [label.get_text() for label in places.get_yticklabels()] == ["easy", "hard"]
    assert sum(len(dots.get_offsets()) for dots in places.collections) == 8
    with pytest.raises(ValueError, match="at least one experiment"):
        show.plot_roc(truth, {})
