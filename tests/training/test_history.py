"""Histories: what is damaged is passed over and counted, what is written is seen at once, nothing fills the memory."""

import json
import logging
import os
import pathlib

import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.limits import TEXT_BYTES
from faceswap_lib.training.history import HistoryWriter, note_rollback, read_history

GOOD = [{"step": step, "a": 0.5} for step in (1, 2, 3)]

DAMAGED = {
    "cut": b'{"step": 9, "a": 0.',
    "not JSON": b"step 9",
    "not UTF-8": b'{"step": 9, "\xff": 1}',
    "zeros": b"\0" * 50,
    "empty": b"",
    "a list": b"[9]",
    "a number": b"9",
    "nested deeply": b"[" * 100_000,
    "without a step": b'{"a": 0.5}',
    "a step that is a text": b'{"step": "9", "a": 0.5}',
    "a step that is a fraction": b'{"step": 9.5, "a": 0.5}',
    "a step that is a truth": b'{"step": true, "a": 0.5}',
    "a step below 0": b'{"step": -9, "a": 0.5}',
    "a step without end": b'{"step": 9' + b"0" * 5000 + b"}",
    "a step that was there": b'{"step": 2, "a": 0.5}',
    "a term that is a text": b'{"step": 9, "a": "<script>"}',
    "a term that is none": b'{"step": 9, "a": null}',
    "a term that is no number": b'{"step": 9, "a": NaN}',
    "a term without end": b'{"step": 9, "a": 1' + b"0" * 400 + b"}",
    "an infinite term": b'{"step": 9, "a": 1e999}',
    "a list as a term": b'{"step": 9, "a": [1]}',
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("place", [1, 3])
def test_a_damaged_line_is_passed_over_and_counted(tmp_path, damaged, place, caplog):
    lines = [json.dumps(entry).encode() for entry in GOOD]
    lines.insert(place, damaged)
    if place == 1 and damaged == DAMAGED["a step that was there"]:
        lines[place] = lines[0]
    (tmp_path / "history.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    with caplog.at_level(logging.WARNING):
        assert read_history(tmp_path / "history.jsonl") == GOOD
    assert "1 of 4 lines are damaged" in caplog.text


def test_a_line_that_is_being_written_is_left_out_without_a_word(tmp_path, caplog):
    whole = "".join(json.dumps(entry) + "\n" for entry in GOOD)
    (tmp_path / "history.jsonl").write_text(whole + '{"step": 4, "a"')
    assert read_history(tmp_path / "history.jsonl") == GOOD and not caplog.text


def test_a_history_beyond_the_limit_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setenv(TEXT_BYTES.variable, "10")
    (tmp_path / "history.jsonl").write_text('{"step": 1, "a": 0.5}\n')
    with pytest.raises(WorkspaceError, match=f"set {TEXT_BYTES.variable}="):
        read_history(tmp_path / "history.jsonl")


def open_at(path: pathlib.Path, keep: int) -> bytes:
    HistoryWriter(path, keep).close()
    return path.read_bytes()


@pytest.mark.parametrize("keep", [10**12, 2**62, 100, 8])
def test_it_is_cut_where_the_checkpoint_says_or_at_its_end(tmp_path, keep):
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"one\ntwo\nthree")
    assert open_at(path, keep) == b"one\ntwo\n"
    assert open_at(path, 7) == b"one\n" and open_at(path, 3) == b"" and open_at(path, 0) == b""


def test_a_long_line_without_an_end_is_cut_too(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"one\n" + b"x" * 3_000_000)
    assert open_at(path, 10**12) == b"one\n"


def test_a_line_is_on_its_way_as_soon_as_it_is_written(tmp_path):
    writer = HistoryWriter(tmp_path / "history.jsonl", 0)
    for step in (1, 2):
        writer.write(step, {"a": 0.25})
        assert read_history(tmp_path / "history.jsonl")[-1] == {"step": step, "a": 0.25}
    writer.close()


def test_a_damaged_list_of_rollbacks_takes_another_line(tmp_path):
    path = tmp_path / "rollbacks.jsonl"
    path.write_bytes(b"\xff\xfe no text\n" + b"[" * 1000 + b"\nthird\n")
    note_rollback(path, 3, step=7)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3 and json.loads(lines[-1]) == {"step": 7}
    os.unlink(path)
    note_rollback(path, 3, step=7)
    assert path.read_text() == '{"step": 7}\n'
