"""Text files of a workspace that are too long, too deep, no files at all, or of bytes that are no text."""

import os
import stat
import sys
import time

import pytest

from faceswap_lib import limits
from faceswap_lib.errors import FaceswapError, WorkspaceError
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import read_consent, record_consent
from faceswap_lib.facesets.consent_file import CONSENT
from faceswap_lib.facesets.manifest import MANIFEST, read_manifest
from faceswap_lib.facesets.source import SOURCE, read_source
from faceswap_lib.facesets.text_files import MOST_IN_LINE

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path)


def read(workspace: Workspace, text: str | bytes) -> str:
    """What is said of a file of consents; fails if it takes long."""
    path = workspace.root / CONSENT
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    start = time.perf_counter()
    with pytest.raises(WorkspaceError) as caught:
        read_consent(workspace)
    assert time.perf_counter() - start < 5
    message = str(caught.value)
    assert str(path) in message and "\n" not in message and len(message) < 1000
    return message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"statement: {'x' * 9}\n{BOMB}", "refers to another part by"),
        ("statement: &s agreed\nvideos: *s\n", "write it out"),
        ("statement: " + "[" * 100_000, "expected YAML such as"),
        ("[" * 21 + "]" * 21, "nested deeper than 20 levels"),
        ("- " * 500 + "x", "nested deeper than 20 levels"),
        ("{" * 2_000_000, "expected YAML such as"),
        ("".join(f"{'  ' * level}a:\n" for level in range(2000)), "nested deeper than 20 levels"),
        (b"statement: \xff\xfe", "expected text in UTF-8"),
        (b"statement: \0", "expected YAML such as"),
        ("statement: 2024-02-31\n", "expected YAML such as"),
        ("statement: !!python/object/apply:os.system [true]\n", "expected YAML such as"),
        ("statement: !!binary x\n", "expected YAML such as"),
        ("statement: " + "9" * 10_000, "expected YAML such as"),
        ("statement: [agreed]", "expected statement: 'who agreed to what'"),
        ("statement: agreed\nvideos: [{name: a}]", "expected videos with name and sha256"),
        ("x: " + "y" * 5_000_000, "expected statement: 'who agreed to what'"),
        ("statement: yes\n" * 900_000, "expected at most 10,000,000 bytes, got 13,500,000"),
        ("? " * 100_000, "expected YAML such as"),
        ("%YAML 9.9\n---\nstatement: 'a", "expected YAML such as"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_a_file_of_consents_that_nobody_wrote_for_us(workspace, text, words):
    """Aliases and deep nesting hung; the process was killed for memory or ended in a RecursionError."""
    assert words in read(workspace, text)


def test_many_consents_are_read_quickly(workspace):
    video = f"videos:\n- {{name: a.png, sha256: {'0' * 64}}}\n"
    text = "".join(f"---\nstatement: number {number}\ntime: 2026-01-01\n{video}" for number in range(5000))
    (workspace.root / CONSENT).write_text(text)
    start = time.perf_counter()
    assert len(read_consent(workspace)) == 5000
    assert time.perf_counter() - start < 8


def test_what_lies_in_the_place_of_a_text_file(workspace):
    """A folder, a pipe that would be waited for, a link in a circle."""
    faces = workspace.faces("src")
    faces.mkdir(parents=True)
    makers = [os.mkdir] + ([os.mkfifo] if hasattr(os, "mkfifo") else [])
    for make in makers:
        for path, reader in (
            (workspace.root / CONSENT, lambda: read_consent(workspace)),
            (faces / MANIFEST, lambda: read_manifest(faces)),
        ):
            make(path)
            with pytest.raises(FaceswapError):
                reader()
            os.rmdir(path) if path.is_dir() else path.unlink()
    (workspace.root / CONSENT).symlink_to(workspace.root / CONSENT)
    with pytest.raises(WorkspaceError, match="expected a file, got"):
        read_consent(workspace)


def test_texts_that_are_too_long(workspace, monkeypatch):
    faces = workspace.faces("src")
    faces.mkdir(parents=True)
    (faces / MANIFEST).write_text('{"crop": "' + "x" * MOST_IN_LINE + '"}\n')
    with pytest.raises(WorkspaceError, match=r"manifest\.jsonl:1: expected at most 1,000,000 characters"):
        read_manifest(faces)
    monkeypatch.setenv(limits.TEXT_BYTES.variable, "1000")
    with pytest.raises(WorkspaceError, match=f"set {limits.TEXT_BYTES.variable}="):
        read_manifest(faces)
    (faces / SOURCE).write_text("[" * 1001)
    with pytest.raises(WorkspaceError, match=f"set {limits.TEXT_BYTES.variable}="):
        read_source(faces)
    monkeypatch.delenv(limits.TEXT_BYTES.variable)
    (faces / SOURCE).write_text("[" * 20_000_000)
    with pytest.raises(WorkspaceError, match="expected at most 10,000,000 bytes"):
        read_source(faces)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are Unicode")
def test_a_consent_for_a_name_that_is_not_utf_8(workspace, tmp_path):
    """All the work was done, then the consent could not be written: a traceback."""
    video = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    video.write_bytes(b"video")
    record_consent(workspace, "Ren" + os.fsdecode(b"\xe9") + " agreed", [video])
    (consent,) = read_consent(workspace)
    assert (consent.statement, consent.videos[0].name) == ("Ren\ufffd agreed", "caf\ufffd.mp4")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_file_of_consents_is_its_owners(workspace):
    """Whatever the umask; what the user allows afterwards stays."""
    before = os.umask(0)
    try:
        record_consent(workspace, "Anna agreed")
        path = workspace.root / CONSENT
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o640)
        record_consent(workspace, "Ben agreed")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert [consent.statement for consent in read_consent(workspace)] == ["Anna agreed", "Ben agreed"]
    finally:
        os.umask(before)
