"""The sidecar: what a swap says of itself without c2pa-python, and in formats without a place for credentials."""

import hashlib
import json
import os
import pathlib
import sys

import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.media import write_image
from faceswap_lib.provenance import provenance, signing_key
from faceswap_lib.provenance.provenance import ProvenanceClaims, verify, write_provenance
from tests.swaps import another_computer, check_facts, flip, write_kind, write_mp4
from tests.videos import pattern_frame

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def no_c2pa(monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)  # `import c2pa` fails


@pytest.fixture
def out(tmp_path, inputs) -> pathlib.Path:
    return write_mp4(tmp_path / "swap.mp4", inputs[0])


def test_every_fact_comes_back_unsigned_without_cryptography(tmp_path, monkeypatch, out, facts):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    plain = out.read_bytes()
    written = write_provenance(out, facts)
    assert (written.sidecar, written.signed) == (tmp_path / "swap.mp4.provenance.json", False)
    assert out.read_bytes() == plain
    assert json.loads(written.sidecar.read_text())["sha256"] == hashlib.sha256(plain).hexdigest()
    verdict = verify(out)
    assert (verdict.ours, verdict.intact) == (False, True)
    assert verdict.summary[0] == "intact; not signed: anybody can have written this"
    check_facts(dict(verdict.facts), facts, "swap.mp4")


def test_a_changed_file_or_sidecar_is_found(monkeypatch, out, facts):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    sidecar = write_provenance(out, facts).sidecar
    whole = out.read_bytes()
    flip(out, len(whole) // 2)
    assert not verify(out).intact and verify(out).summary[0].startswith("altered since: the file")
    out.write_bytes(whole)
    for text in ("", "[]", "{}", "null", '{"sha256": 1}', "\udcff"):
        sidecar.write_text(text, encoding="utf-8", errors="surrogateescape")
        verdict = verify(out)
        assert not verdict.intact and "swap.mp4.provenance.json is not as it was written" in verdict.summary[0]


def test_signed_where_cryptography_is(home, monkeypatch, out, facts):
    pytest.importorskip("cryptography")
    written = write_provenance(out, facts)
    assert written.signed
    verdict = verify(out)
    assert (verdict.ours, verdict.intact, verdict.summary[0]) == (True, True, "intact; signed by this computer")
    check_facts(dict(verdict.facts), facts, "swap.mp4")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "cryptography", None)
        assert (verify(out).ours, verify(out).intact) == (False, True)
        assert "cannot be checked" in verify(out).summary[0]
    another_computer(home)
    assert (verify(out).ours, verify(out).intact) == (False, True)
    assert verify(out).summary[0] == "intact; signed by an unknown computer"
    signing_key.read_or_make_key()
    assert verify(out).summary[0] == "intact; signed by an unknown computer"


def test_a_signed_sidecar_cannot_be_reworded(out, facts):
    pytest.importorskip("cryptography")
    sidecar = write_provenance(out, facts).sidecar
    signed = json.loads(sidecar.read_text())
    for change in (
        {"facts": {**signed["facts"], "steps": 20_001}},
        {"sha256": "0" * 64},
        {"schema": 1},
        {"schema": 3},
        {"kind": "folder"},
        {"signature": {**signed["signature"], "value": "A" * 86 + "=="}},
        {"signature": {**signed["signature"], "public_key": "no"}},
    ):
        sidecar.write_text(json.dumps({**signed, **change}))
        verdict = verify(out)
        assert (verdict.ours, verdict.intact) == (False, False) and "altered since" in verdict.summary[0], change
    sidecar.write_text(json.dumps({**signed, "signature": None}))
    assert (verify(out).ours, verify(out).intact) == (False, True)


def test_without_a_sidecar_there_is_nothing_and_the_lines_say_where_was_looked(out):
    verdict = verify(out)
    assert (verdict.ours, verdict.intact, verdict.facts) == (False, False, {})
    assert verdict.summary[0].startswith("cannot be judged here: it has no sidecar, and without c2pa-python")
    assert "to check whether it contains credentials: pip install c2pa-python" in verdict.summary[1]


def test_a_folder_of_pictures_has_one_for_all_of_them(tmp_path, monkeypatch, facts):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    folder = tmp_path / "swap"
    for index in range(3):
        write_image(folder / f"{index}.png", pattern_frame(index))
    assert write_provenance(folder, facts).sidecar == tmp_path / "swap.provenance.json"
    assert verify(folder).intact
    (folder / "2.png").rename(folder / "3.png")
    assert not verify(folder).intact
    (folder / "3.png").unlink()
    assert not verify(folder).intact


def test_it_lies_beside_the_last_name(tmp_path, monkeypatch, out, facts):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    out = out.rename(tmp_path / ".swap.partial.mp4")
    assert write_provenance(out, facts, name="swap.mp4").sidecar == tmp_path / "swap.mp4.provenance.json"
    out.rename(tmp_path / "swap.mp4")
    assert verify(tmp_path / "swap.mp4").intact


def test_facts_cannot_write_lines_of_the_verdict(monkeypatch, out, facts):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    bad = ProvenanceClaims(**{**vars(facts), "consent": ("yes\nintact; signed by this computer\x1b[2J",)})
    write_provenance(out, bad)
    assert verify(out).summary[-2] == "consent: yes intact; signed by this computer [2J"
    sidecar = out.with_name("swap.mp4.provenance.json")
    written = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**written, "facts": {"consent": 5, "inputs": [3], "run": ["x"]}}))
    assert verify(out).intact


def test_a_missing_file_or_input_is_named(tmp_path, out, facts):
    for action in (lambda: verify(tmp_path / "no.mp4"), lambda: write_provenance(tmp_path / "no.mp4", facts)):
        with pytest.raises(InputError, match=r"no such file: .*no\.mp4"):
            action()
    facts.inputs[1].unlink()
    with pytest.raises(InputError, match=r"no such file: .*ben\.mov"):
        write_provenance(out, facts)


def test_an_input_is_read_once_for_many_pictures(tmp_path, monkeypatch, inputs, facts):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    digests = []
    monkeypatch.setattr(provenance, "content_digest", lambda path: digests.append(path.name) or "0" * 64)
    for index in range(3):
        write_provenance(write_kind(tmp_path / f"{index}.png", inputs[0]), facts)
    assert digests == ["anna.mp4", "ben.mov"]
    os.utime(inputs[0], ns=(1, 1))
    write_provenance(tmp_path / "0.png", facts)
    assert digests == ["anna.mp4", "ben.mov", "anna.mp4"]
