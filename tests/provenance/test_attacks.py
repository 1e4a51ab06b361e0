"""Attacks on what a swap says of itself, and the verdict on each; docs/responsible-use.md has the same table."""

import os
import pathlib
import re
import shutil
import time
import typing

import pytest

from faceswap_lib.cli.judge_commands import Verify
from faceswap_lib.errors import FaceswapError
from faceswap_lib.provenance.provenance import ProvenanceClaims
from faceswap_lib.provenance.sidecar import sidecar_path
from tests import attacks
from tests.conftest import ROOT

OURS = "intact; signed by this computer"
FOREIGN = "intact; signed by an unknown computer"
UNSIGNED = "intact; not signed"
ALTERED = "altered since"
NONE = "no credentials"
BROKEN = "cannot be judged"
REFUSED = "refused"

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such names or files")

# what is done, to what, by which function, what verify says, its exit code
TABLE: list[tuple[str, str, typing.Callable, str, int]] = [
    ("nothing", "mp4 png jpg gif mov", attacks.nothing, OURS, 0),
    ("a bit of the pictures or the sound flipped", "mp4 png jpg gif mov", attacks.flip_picture, ALTERED, 1),
    ("a consent reworded", "mp4 png jpg gif mov", attacks.reword, ALTERED, 1),
    ("the record of the label blanked", "mp4 png", attacks.hide_missing_label, ALTERED, 1),
    ("credentials taken out, pictures copied bit for bit", "mp4", attacks.remux, NONE, 1),
    ("encoded again", "mp4", attacks.encode_again, NONE, 1),
    ("saved again", "png jpg", attacks.save_again, NONE, 1),
    ("label cropped off, encoded again", "mp4", attacks.crop_label, NONE, 1),
    ("the end cut off", "mp4 png jpg gif mov", attacks.cut_end, f"{ALTERED}|{BROKEN}", 1),
    ("zeros after the end", "mp4 png jpg gif mov", attacks.append_zeros, ALTERED, 1),
    ("an archive after the end", "mp4 png jpg gif mov", attacks.append_archive, f"{ALTERED}|{BROKEN}", 1),
    ("padding after the end, which C2PA leaves out and no player shows", "mp4 mov", attacks.append_padding, OURS, 0),
    ("padding before the pictures, to shift them", "mp4 mov", attacks.shift_pictures, ALTERED, 1),
    ("credentials of another swap put in", "png", attacks.transplant, ALTERED, 1),
    ("signed again with another key", "png", attacks.sign_with_another_key, FOREIGN, 1),
    ("the same, names and serial number as in our certificate", "png", attacks.sign_with_a_twin, FOREIGN, 1),
    ("another certificate put in the place of ours", "png", attacks.swap_certificates, f"{ALTERED}|{BROKEN}", 1),
    ("our key lost, and a new one made", "mp4 mkv folder", attacks.lose_key, FOREIGN, 1),
    ("renamed to swap.txt", "mp4 png", attacks.rename_format, OURS, 0),
    ("credentials taken out, an unsigned sidecar put beside it", "png", attacks.describe_by_hand, UNSIGNED, 1),
    ("credentials out, a sidecar signed elsewhere", "png", attacks.describe_with_another_key, FOREIGN, 1),
    ("credentials out, our sidecar of another swap", "png", attacks.describe_by_another_swap, ALTERED, 1),
    ("opened and signed by another program", "png", attacks.edit_elsewhere, FOREIGN, 1),
    ("nothing", "mkv", attacks.nothing, OURS, 0),
    ("a bit flipped", "mkv", attacks.flip_middle, ALTERED, 1),
    ("zeros after the end", "mkv", attacks.append_zeros, ALTERED, 1),
    ("a consent reworded in the sidecar", "mkv", attacks.reword_sidecar, ALTERED, 1),
    ("the record of the label removed", "mkv", attacks.hide_label_in_sidecar, ALTERED, 1),
    ("a second consent under the same key", "mkv", attacks.say_it_twice, ALTERED, 1),
    ("our sidecar of another swap", "mkv", attacks.take_other_sidecar, ALTERED, 1),
    ("the sidecar removed", "mkv folder", attacks.remove_sidecar, NONE, 1),
    ("the signature removed", "mkv folder", attacks.remove_signature, UNSIGNED, 1),
    ("the sidecar signed with another key", "mkv folder", attacks.sign_sidecar_elsewhere, FOREIGN, 1),
    ("the same, our public key put in", "mkv", attacks.swap_public_key, ALTERED, 1),
    ("the schema set back", "mkv folder", attacks.other_schema, ALTERED, 1),
    ("a schema that does not exist", "mkv", attacks.future_schema, ALTERED, 1),
    ("words added beside the signature", "mkv", attacks.unsigned_remark, ALTERED, 1),
    ("words added beside the facts", "mkv", attacks.unsigned_key, ALTERED, 1),
    ("another algorithm named", "mkv", attacks.weak_algorithm, ALTERED, 1),
    ("a sidecar nested 100,000 deep", "mkv", attacks.deep_sidecar, ALTERED, 1),
    ("facts nested 990 deep", "mkv", attacks.deep_facts, ALTERED, 1),
    ("a sidecar of 1 GB", "mkv", attacks.huge_sidecar, REFUSED, 2),
    ("text after the sidecar's end", "mkv", attacks.text_after_sidecar, ALTERED, 1),
    ("NaN in the sidecar", "mkv", attacks.no_number, ALTERED, 1),
    ("bytes that are no UTF-8 in the sidecar", "mkv", attacks.no_text, ALTERED, 1),
    ("a folder in the sidecar's place", "mkv", attacks.sidecar_folder, ALTERED, 1),
    ("a pipe in its place", "mkv", attacks.sidecar_pipe, ALTERED, 1),
    ("a link to /dev/zero in its place", "mkv", attacks.sidecar_device, ALTERED, 1),
    ("a link to nothing in its place", "mkv", attacks.sidecar_dangles, ALTERED, 1),
    ("file and sidecar renamed; verify says the first name", "mkv", attacks.rename_both, OURS, 0),
    ("escapes, line feeds and 5,000 consents, signed elsewhere", "mkv", attacks.steer_terminal, FOREIGN, 1),
    ("nothing", "folder", attacks.nothing, OURS, 0),
    ("a picture added", "folder", attacks.add_picture, ALTERED, 1),
    ("a picture removed", "folder", attacks.remove_picture, ALTERED, 1),
    ("a picture renamed", "folder", attacks.rename_picture, ALTERED, 1),
    ("two pictures exchanged", "folder", attacks.exchange_pictures, ALTERED, 1),
    ("a bit of a picture flipped", "folder", attacks.change_picture, ALTERED, 1),
    ("two files made one, whose name stands for both", "folder", attacks.forge_name, ALTERED, 1),
    ("a file in its place that lists its digests", "folder", attacks.write_listing, ALTERED, 1),
    ("a picture moved into a folder inside", "folder", attacks.sink_picture, ALTERED, 1),
    ("a picture replaced by a link to it", "folder", attacks.link_picture, ALTERED, 1),
    ("a link to a folder added", "folder", attacks.link_folder, ALTERED, 1),
    ("a link to itself added", "folder", attacks.link_in_a_circle, ALTERED, 1),
    ("a pipe added", "folder", attacks.add_pipe, ALTERED, 1),
    ("a hidden file added; verify says that it is not covered", "folder", attacks.add_hidden, OURS, 0),
    ("a picture hidden", "folder", attacks.hide_picture, ALTERED, 1),
    ("an empty folder added", "folder", attacks.add_empty_folder, OURS, 0),
    ("a name added that is no UTF-8", "folder", attacks.add_undecodable_name, ALTERED, 1),
    ("a name in another case", "folder", attacks.other_case, ALTERED, 1),
    ("a name in another normal form of Unicode", "folder", attacks.other_normal_form, ALTERED, 1),
    ("signed by a version before (schema 1)", "folder", attacks.old_schema, OURS, 0),
    ("the same, two files made one", "folder", attacks.old_schema_forged, ALTERED, 1),
    ("the same, a file that lists its digests", "folder", attacks.old_schema_listing, ALTERED, 1),
]

NEEDS_POSIX = {
    *(attacks.sidecar_pipe, attacks.sidecar_device, attacks.sidecar_dangles, attacks.forge_name, attacks.link_picture),
    *(attacks.link_folder, attacks.link_in_a_circle, attacks.add_pipe, attacks.add_undecodable_name),
    *(attacks.other_case, attacks.other_normal_form, attacks.old_schema_forged),
}

CASES = [
    pytest.param(kind, act, says, code, id=f"{kind}-{name}", marks=[posix] if act in NEEDS_POSIX else [])
    for name, kinds, act, says, code in TABLE
    for kind in kinds.split()
]


@pytest.fixture(scope="module")
def signed(tmp_path_factory) -> typing.Callable[[str], pathlib.Path]:
    """Gives a folder with a home, an input and two signed swaps of a kind; made once."""
    pytest.importorskip("c2pa")
    root, made = tmp_path_factory.mktemp("signed"), {}

    def make(kind: str) -> pathlib.Path:
        if kind not in made:
            made[kind] = root / kind
            (made[kind] / "other").mkdir(parents=True)
            facts = state(attacks.make_input(made[kind]))
            attacks.build(made[kind], kind, facts)
            attacks.build(made[kind] / "other", kind, facts)
            if kind == "mkv":
                attacks.flip(made[kind] / "other" / "swap.mkv", 100)
                attacks.write_provenance(made[kind] / "other" / "swap.mkv", facts)
        return made[kind]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESWAP_HOME", str(root / "home"))
        for kind in ("mp4", "png", "jpg", "gif", "mov", "mkv", "folder"):
            make(kind)
    return make


def state(source: pathlib.Path) -> ProvenanceClaims:
    return ProvenanceClaims(
        inputs=(source,),
        run="default",
        run_id="6f1d",
        steps=20_000,
        direction="a2b",
        consent=("Anna agreed: yes", "Ben too"),
        options={"label": True},
    )


def open_scene(signed, kind: str, tmp_path: pathlib.Path, monkeypatch) -> attacks.Scene:
    folder = shutil.copytree(signed(kind), tmp_path / kind, symlinks=True)
    home = shutil.copytree(signed(kind).parent / "home", tmp_path / "home")
    monkeypatch.setenv("FACESWAP_HOME", str(home))
    name = "swap" if kind == "folder" else f"swap.{kind}"
    source = folder / "anna.mp4"
    return attacks.Scene(
        swap=folder / name, other=folder / "other" / name, facts=state(source), home=home, sound=source
    )


def ask(path: pathlib.Path, capsys) -> tuple[int, str]:
    """Runs `faceswap verify`; gives its exit code, and what it says."""
    capsys.readouterr()
    try:
        Verify(file=path)()
    except FaceswapError as error:
        return error.exit_code, capsys.readouterr().out or str(error)
    return 0, capsys.readouterr().out


@pytest.mark.parametrize(("kind", "act", "says", "code"), CASES)
def test_the_verdict_on_an_attack(signed, tmp_path, monkeypatch, capsys, kind, act, says, code):
    scene = open_scene(signed, kind, tmp_path, monkeypatch)
    path = act(scene) or scene.swap
    start = time.perf_counter()
    exit_code, text = ask(path, capsys)
    assert time.perf_counter() - start < 5
    first = text.splitlines()[0]
    assert exit_code == code, text
    if says == REFUSED:
        assert "bytes of a sidecar are more than" in text and "FACESWAP_MAX_SIDECAR_BYTES=" in text
    else:
        assert first.startswith(tuple(says.split("|"))), text
    assert "NO!" not in text or first.startswith(ALTERED)


def test_what_is_not_covered_or_was_renamed_is_said(signed, tmp_path, monkeypatch, capsys):
    scene = open_scene(signed, "folder", tmp_path, monkeypatch)
    attacks.add_hidden(scene)
    assert "not looked at: 1 hidden file, which no signature covers" in ask(scene.swap, capsys)[1]
    scene = open_scene(signed, "mkv", tmp_path / "b", monkeypatch)
    assert "written as: swap.mkv" in ask(attacks.rename_both(scene), capsys)[1]


def test_words_of_a_file_stay_in_their_lines(signed, tmp_path, monkeypatch, capsys):
    scene = open_scene(signed, "mkv", tmp_path, monkeypatch)
    attacks.steer_terminal(scene)
    text = ask(scene.swap, capsys)[1]
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u2028]", text)
    assert len(text) < 20_000 and text.count("\n") < 50
    assert [line for line in text.splitlines() if line.startswith("intact")] == [FOREIGN]
    assert "consent: 4,980 more statements, not shown" in text


def test_a_device_or_the_current_folder_is_asked_about(signed, tmp_path, monkeypatch, capsys):
    scene = open_scene(signed, "folder", tmp_path, monkeypatch)
    monkeypatch.chdir(scene.swap)
    for path in (".", "../swap", "../swap/.", "/"):
        code, text = ask(pathlib.Path(path), capsys)
        assert (code, text.splitlines()[0]) == ((1, NONE) if path == "/" else (0, OURS)), path
    if os.name != "nt":
        os.mkfifo(tmp_path / "pipe")
        for place in (tmp_path / "pipe", pathlib.Path("/dev/zero")):
            code, text = ask(place, capsys)
            assert code == 2 and "expected a file or a folder, got a device or a pipe" in text


def test_a_folder_with_links_is_not_signed(tmp_path, monkeypatch):
    monkeypatch.setenv("FACESWAP_HOME", str(tmp_path / "home"))
    facts = state(attacks.make_input(tmp_path))
    (tmp_path / "swap").mkdir()
    try:
        (tmp_path / "swap" / "0.png").symlink_to(facts.inputs[0])
    except OSError:
        pytest.skip("this user may not make links")
    with pytest.raises(FaceswapError, match=r"0\.png: expected files and folders only, got a link"):
        attacks.write_provenance(tmp_path / "swap", facts)
    assert not sidecar_path(tmp_path / "swap").exists()


def test_the_page_has_the_same_table():
    page = (ROOT / "docs" / "responsible-use.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| ([\w ,]+?) \| (.+?) \| (\d) \|$", page, re.MULTILINE)
    words = {REFUSED: "refused, with how to raise the limit"}
    expected = [
        (name, kinds.replace(" ", ", "), words.get(says, says.replace("|", " or ")), str(code))
        for name, kinds, _, says, code in TABLE
    ]
    assert rows == expected, "\n".join(f"| {' | '.join(row)} |" for row in expected)
