"""Names that are no UTF-8, what a viewer should know, and who may read a consent."""

import dataclasses
import io
import os
import sys

import pytest

from faceswap_lib.cli.judge_commands import Verify
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import read_consent, record_consent
from faceswap_lib.provenance.people_count import PeopleCount
from faceswap_lib.provenance.provenance import ProvenanceClaims, verify, write_provenance
from faceswap_lib.provenance.statement import LONGEST, describe_facts, to_line, to_plain, to_printable
from tests.swaps import make_facts, make_inputs, write_kind

posix = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")


pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def facts(tmp_path) -> ProvenanceClaims:
    return make_facts(make_inputs(tmp_path))


@posix
@pytest.mark.parametrize("suffix", ["mp4", "png", "gif", "mkv", "folder"])
@pytest.mark.parametrize("has_c2pa", [True, False])
def test_a_name_that_is_no_utf8_is_signed_and_read_back(tmp_path, monkeypatch, facts, suffix, has_c2pa):
    if has_c2pa:
        pytest.importorskip("c2pa")
    else:
        monkeypatch.setitem(sys.modules, "c2pa", None)
    odd = [path.rename(path.with_name(os.fsdecode(b"caf\xe9-") + path.name)) for path in facts.inputs]
    stated = dataclasses.replace(facts, inputs=tuple(odd), uncovered=(odd[0].name,), run="r\udce9")
    out = tmp_path / os.fsdecode(b"swap\xe9" + (b"" if suffix == "folder" else b"." + suffix.encode()))
    if suffix == "folder":
        write_kind(out / os.fsdecode(b"\xe9.png"), odd[0])
    elif suffix == "mkv":
        out.write_bytes(b"\x1aE\xdf\xa3" + bytes(500))
    else:
        write_kind(tmp_path / f"swap.{suffix}", odd[0]).rename(out)
    write_provenance(out, stated)
    verdict = verify(out)
    assert verdict.ours and verdict.intact, verdict.summary
    assert [entry["name"] for entry in verdict.facts["inputs"]] == ["caf\ufffd-anna.mp4", "caf\ufffd-ben.mov"]
    assert "no consent is recorded for caf\ufffd-anna.mp4" in verdict.summary
    assert not any("\ud800" <= letter <= "\udfff" for line in verdict.summary for letter in line)
    assert not any(line.startswith("written as") for line in verdict.summary)


def lines_of(facts: dict) -> list[str]:
    return [to_line(row) for row in describe_facts(facts)]


def test_verify_prints_what_a_viewer_should_know(tmp_path, capsys, facts):
    learnt_from = {"src": {"video": "anna.mp4", "sha256": "a" * 64}, "dst": {"video": "ben.mov", "sha256": "b" * 64}}
    options = {"label": False, "layout": "pair", "start": 2.0, "end": None, "learnt_from": learnt_from}
    options |= {"detail_transfer": "wanted"}
    people = PeopleCount(seen=(2, 3), swapped=(2, 2))
    out = tmp_path / "swap.mkv"
    out.write_bytes(b"pictures")
    write_provenance(
        out, dataclasses.replace(facts, options=options, uncovered=("street.mp4",), people=people, consent=())
    )
    Verify(file=out)()
    said = capsys.readouterr().out.splitlines()
    for line in (
        "visible label: NONE, it was switched off",
        "fine detail from: filmed pictures of the person whose face is put in",
        "pictures show: the input and the result side by side",
        "part of the input: from 2.0 s to its end",
        "trained on: A: anna.mp4 (sha256 aaaaaaaaaaaaaaaa...), B: ben.mov (sha256 bbbbbbbbbbbbbbbb...)",
        "run: default (6f1d), 20000 steps, direction a2b (the face of B on A)",
        "in the input: 2 to 3 people seen, 2 swapped (whoever is shown again counts again)",
        "no consent is recorded for street.mp4",
        "consents stated: none",
    ):
        assert line in said, line
    write_provenance(out, facts)
    Verify(file=out)()
    said = capsys.readouterr().out.splitlines()
    assert "visible label: on every picture" in said and "consent: Ben too" in said
    assert "in the input: nobody counted the people" in said and "consents stated: none" not in said


@pytest.mark.parametrize(
    "facts",
    [
        {"x": 1},
        {"options": {"label": "yes", "learnt_from": {"src": [], "dst": {}}, "start": True, "end": "x"}},
        {"options": [1], "inputs": {"name": 1}, "consent": "yes", "no_consent_for": [1, None, {}], "people": 3},
        {"inputs": [{"role": []}, {"name": {}, "sha256": []}, 3], "program": {"a": [[[]]]}, "steps": 10**400},
    ],
)
def test_facts_of_any_form_are_said_in_lines(facts):
    lines = lines_of(facts)
    assert "visible label: not stated" in lines and "consents stated: none" in lines
    assert all(to_printable(line, longest=10**6) == line and len(line) < 8 * LONGEST for line in lines)


def test_a_run_without_a_number_has_no_empty_brackets():
    [line] = [line for line in lines_of({"run": "none (classical)", "run_id": "", "steps": 0}) if "classical" in line]
    assert line.startswith("run: none (classical), 0 steps")


def test_nothing_stated_is_nothing_said():
    assert describe_facts({}) == []


def test_text_of_a_file_is_one_plain_line():
    assert to_printable("a\r\n\x1b[31mb\u202ec\u200b\u2028\x00d") == "a [31mb c d"
    assert to_printable("x" * 10_000) == "x" * LONGEST + "... (10,000 characters)"
    assert [to_printable(value) for value in (3, 2.5, True, None, [], {})] == ["3", "2.5", "True", "?", "?", "?"]
    assert to_plain({"a\udce9": ("\udc80", [float("nan"), float("inf"), 1.5, None, True])}) == {
        "a\ufffd": ["\ufffd", ["nan", "inf", 1.5, None, True]]
    }


def test_a_statement_in_another_script_is_printed_on_a_terminal_that_lacks_it(tmp_path, monkeypatch, facts):
    out = tmp_path / "swap.mkv"
    out.write_bytes(b"pictures")
    write_provenance(out, dataclasses.replace(facts, consent=("同意しました",)))
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252", write_through=True))
    Verify(file=out)()
    assert b"consent: \\u540c\\u610f" in written.getvalue()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such bits")
@pytest.mark.parametrize("umask", [0o000, 0o022], ids="{:o}".format)
def test_a_consent_is_for_its_owner_to_read_and_rights_that_were_given_stay(tmp_path, umask):
    workspace = Workspace(tmp_path / "w")
    workspace.root.mkdir()
    path = workspace.root / "consent.yaml"
    before = os.umask(umask)
    try:
        record_consent(workspace, "Anna agreed")
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o640)
        record_consent(workspace, "Ben agreed")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [consent.statement for consent in read_consent(workspace)] == ["Anna agreed", "Ben agreed"]
