"""Hides what TensorFlow and LiteRT say when they start: which instructions they use, and that there is no GPU.

Their C++ libraries write these lines to the standard error of the process, before any option that would prevent it is
read. So the standard error goes through a filter while they start. The filter is a process of its own: if the start
ends this process, the reason is still shown.
"""

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import types
import typing
from collections.abc import Iterator, Sequence

NOTICES = (
    r"WARNING: All log messages before absl::InitializeLog",
    r"I\d{4} \d\d:\d\d:",
    r"INFO: Created TensorFlow Lite XNNPACK delegate",
)
"""Regular expressions of the beginnings of the lines that are hidden; all of them are notices, not errors."""

FILTER = """
import re, sys
hidden = re.compile(sys.argv[1].encode())
for line in sys.stdin.buffer:
    if not hidden.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""
"""Program of the filter: passes on all other lines, each as soon as it is complete."""


LONGEST_WAIT = 5.0
"""Seconds to wait until the filter has passed on its last lines."""


def hide_tensorflow_messages() -> None:
    """Hides the notices of TensorFlow's start from now on; to be called before `import keras`.

    Warnings and errors are shown. TensorFlow is not imported by this, and nothing changes if it was imported before.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" not in sys.modules and not any(isinstance(finder, _QuietFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _QuietFinder())


@contextlib.contextmanager
def hide_notices() -> Iterator[None]:
    """Hides `NOTICES` on the standard error of this process, also those of C++ libraries, while the block runs.

    If there is no standard error or no filter can be started, everything is shown.
    """
    try:
        real = os.dup(2)
    except OSError:  # closed, as for a service or a program without a console
        yield
        return
    try:
        passer = _start_filter()
        if passer is None or passer.stdin is None:
            yield
            return
        os.dup2(passer.stdin.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(real, 2)
            with contextlib.suppress(subprocess.TimeoutExpired):  # another process still writes there
                passer.communicate(timeout=LONGEST_WAIT)
    finally:
        os.close(real)


def _start_filter() -> subprocess.Popen | None:
    """Starts the filter, which writes to the standard error of this process; None if it cannot be started."""
    if not sys.executable:
        return None
    command = [sys.executable, "-I", "-S", "-c", FILTER, "|".join(NOTICES)]
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    except OSError:
        return None


class _QuietFinder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow once, with a loader that hides its notices."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _QuietLoader(spec.loader)
        return spec


class _QuietLoader(importlib.abc.Loader):
    """Runs the loader of a module while notices are hidden, and leaves it in its place."""

    def __init__(self, loader: typing.Any):
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        with hide_notices():
            self._loader.exec_module(module)
