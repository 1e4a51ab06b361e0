"""Reading foreign files with native code in a process of its own, which may crash, hang or ask for all memory.

The process gets the modules of this one, no standard input, an empty temporary folder to write to, and limits of time
and memory. What it hands over is checked like any file.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import typing

from faceswap_lib.errors import CheckpointError

SECONDS = 30
"""Time that a process is given, besides that for the size of the file: a cold start takes some of it."""

BYTES_A_SECOND = 10_000_000
"""How slowly a file may be read."""

MEMORY = 2_000_000_000
"""Bytes of addresses a process may use besides those of the file: libraries take most of them."""

TIMES_FILE = 4
"""How many times a file's size a process may use besides."""

PROGRAM = """
import importlib, json, pathlib, sys
path, file, folder, most, module, function = json.loads(sys.argv[1])
sys.path[:] = path
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
except (ImportError, OSError, ValueError):
    pass  # Windows has no such limits, macOS refuses some; that of the time holds everywhere
try:
    getattr(importlib.import_module(module), function)(pathlib.Path(file), pathlib.Path(folder))
except ValueError as error:
    sys.exit(str(error))
"""

QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
"""One thread takes few addresses; warnings are nobody's business here."""


def run_child(
    function: typing.Callable[[pathlib.Path, pathlib.Path], None],
    file: pathlib.Path,
    environment: typing.Mapping[str, str],
    advice: str,
) -> dict[str, bytes]:
    """Runs a function of a module on a file.

    Args:
        function: Takes the file and an empty folder, in which it leaves what it has read; what it raises as ValueError
            is what is wrong with the file.
        file: The file.
        environment: Variables that are set besides those of this process.
        advice: What to do about a file that cannot be read, for the message.

    Returns:
        What it wrote to the folder: content by file name.

    Raises:
        CheckpointError: If it says that something is wrong with the file, takes too long, or crashes.
    """
    with tempfile.TemporaryDirectory(prefix="faceswap-") as folder:
        size = file.stat().st_size
        most, seconds = MEMORY + TIMES_FILE * size, round(SECONDS + size / BYTES_A_SECOND)
        path = [str(pathlib.Path(entry).resolve()) for entry in sys.path if entry]  # not the current folder
        place = function.__module__, function.__name__
        argument = json.dumps([path, str(file.resolve()), folder, most, *place])
        command = [sys.executable, "-I", "-c", PROGRAM, argument]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, **QUIET, **environment},
                cwd=folder,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CheckpointError(f"{file}: reading it took more than {seconds} seconds; {advice}") from error
        except OSError as error:
            raise CheckpointError(f"{file}: no process to read it in can be started ({error}); {advice}") from error
        if done.returncode != 0:
            raise CheckpointError(f"{file}: {_explain(done)}; {advice}")
        return {entry.name: entry.read_bytes() for entry in pathlib.Path(folder).iterdir()}


def _explain(done: subprocess.CompletedProcess) -> str:
    """Says how a process ended that did not do its work."""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode < 0:
        return f"the process that read it crashed (signal {-done.returncode}): it is damaged, or made to do that"
    return to_line((lines or [f"the process that read it ended with {done.returncode}"])[-1])


def to_line(text: str) -> str:
    """Makes one printable line of what a library says, which may quote a file: at most 300 letters."""
    line = " ".join(text.split())[:300]
    return "".join(letter if letter.isprintable() else "?" for letter in line)
