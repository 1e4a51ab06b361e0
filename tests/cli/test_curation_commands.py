"""`faceswap sort` and `faceswap audit`: what they write, print and refuse."""

import shlex

import pytest

from faceswap_lib.cli import main
from faceswap_lib.facesets import read_manifest
from tests.conftest import contents


def run(*words) -> int:
    return main([str(word) for word in words])


def test_sort_writes_sheets_and_copies_and_changes_no_crop(workspace_copy, tmp_path, capsys):
    before = contents(workspace_copy.faces("src"))
    base = ["sort", "--workspace", workspace_copy.root, "--person", "a"]
    assert run(*base, "--by", "best", "--target", "7", "--copy-to", tmp_path / "best") == 0
    assert len(list((tmp_path / "best").iterdir())) == 7
    assert (workspace_copy.root / "sorted" / "face_src" / "best" / "sheet_001.jpg").is_file()
    out = capsys.readouterr().out
    assert "38 crops by best, 7 of them selected" in out and "7 copies in" in out and "\n1 contact sheet in" in out
    assert run(*base, "--by", "yaw", "--sheets", tmp_path / "sheets") == 0 and (tmp_path / "sheets").is_dir()
    after = contents(workspace_copy.faces("src"))
    assert {name: data for name, data in after.items() if name != "scores.jsonl"} == before
    assert run(*base, "--by", "yaw", "--copy-to", tmp_path / "best") == 2
    assert "expected an empty or new folder" in capsys.readouterr().err


def test_audit_proposes_sets_aside_and_restores(workspace_copy, capsys):
    folder, base = workspace_copy.faces("dst"), ["audit", "--workspace", workspace_copy.root, "--person", "b"]
    first, second = (folder / record.crop for record in read_manifest(folder)[:2])
    second.write_bytes(first.read_bytes())
    before = contents(folder)
    assert run(*base, "--embedder", "none") == 0
    out = capsys.readouterr().out
    assert "duplicate: almost the same image" in out and "not measured: embedding_distance" in out
    assert (workspace_copy.root / "audit_b.html").is_file() and len(read_manifest(folder)) == 38
    assert run(*base, "--embedder", "none", "--apply", "--kinds", "duplicate") == 0
    left = len(read_manifest(folder))
    said = capsys.readouterr().out
    back = f"faceswap audit --workspace {workspace_copy.root} --person b --restore"
    assert left < 38 and f"{38 - left} crops set aside; '{back}' brings them back" in said
    assert run(*shlex.split(back)[1:]) == 0
    assert f"{38 - left} crops are back" in capsys.readouterr().out
    after = contents(folder)
    assert {name: data for name, data in after.items() if name != "scores.jsonl"} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--kinds", "dusty"], "kinds: expected cut off, covered"),
        (["--apply", "--restore"], "expected --apply or --restore, got both"),
        (["--out", "audit.txt"], "expected a name ending in .html"),
        (["--embedder-file", "net.onnx"], "embedder_file is for the embedders onnx and vggface"),
    ],
)
def test_audit_refuses_what_it_does_not_know(workspace_copy, words, message, capsys):
    assert run("audit", "--workspace", workspace_copy.root, "--person", "a", *words) == 2
    assert message in capsys.readouterr().err
