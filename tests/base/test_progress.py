"""Progress bars show, and never end the work."""

import errno
import io
import sys

import pytest

from faceswap_lib.progress import QuietFile, show_progress
from tests.project.test_architecture import MODULES, PACKAGE, imported_names


class FailingFile(io.StringIO):
    """A file that takes so many writes and then fails."""

    def __init__(self, error: BaseException, writes: int):
        super().__init__()
        self.error, self.left = error, writes

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return super().write(text)


FAILURES = (
    BrokenPipeError(errno.EPIPE, "Broken pipe"),
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EIO, "Input/output error"),
    ValueError("I/O operation on closed file"),
)


@pytest.mark.parametrize("error", FAILURES, ids=str)
@pytest.mark.parametrize("writes", [0, 3])
def test_a_bar_that_cannot_be_written_passes_everything_on(monkeypatch, error, writes):
    file = FailingFile(error, writes)
    monkeypatch.setattr(sys, "stderr", file)
    assert list(show_progress(range(50), "work", mininterval=0)) == list(range(50))
    with show_progress(title="work", total=3, mininterval=0) as bar:
        bar.update()
        bar.set_postfix({"loss": "0.1"})
        bar.refresh()
    assert file.left < 0  # it was tried


@pytest.mark.parametrize("name", ["closed", "none"])
def test_without_standard_error_work_goes_on(monkeypatch, name):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", {"closed": closed, "none": None}[name])
    assert list(show_progress(range(5), "work", mininterval=0)) == list(range(5))
    assert QuietFile(sys.stderr).isatty() is False


def test_a_bar_shows_what_it_should(capsys):
    with show_progress(title="train", total=4, initial=1, unit="step") as bar:
        bar.update(3)
    shown = capsys.readouterr().err
    assert "train: 100%" in shown and "4/4" in shown
    assert list(show_progress([1, 2], "quiet", disable=True)) == [1, 2]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("path", [path for path in MODULES if path != PACKAGE / "progress.py"], ids=str)
def test_every_bar_is_one_of_these(path):
    assert not [name for name in imported_names(path) if name.split(".")[0] == "tqdm"]
