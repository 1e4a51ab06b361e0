"""Reads untrusted files in a child process, because a damaged file can crash native code or exhaust the memory.

The child process uses the module search path of this process. It has no standard input, an empty temporary folder for
its output, and limits on time and memory. The caller must check the output like any other file.
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
"""Base time limit of a process in seconds; starting Python takes a part of it."""

BYTES_A_SECOND = 10_000_000
"""Lowest accepted reading speed; the time limit grows with the file size divided by this number."""

MEMORY = 2_000_000_000
"""Base limit of the address space in bytes; libraries use most of it."""

TIMES_FILE = 4
"""Additional address space, as a multiple of the file size."""

PROGRAM = """
import importlib, json, pathlib, sys
path, file, folder, most, module, function = json.loads(sys.argv[1])
sys.path[:] = path
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
except (ImportError, OSError, ValueError):
    pass  # Windows has no such limits and macOS refuses some of them; the time limit works everywhere
try:
    getattr(importlib.import_module(module), function)(pathlib.Path(file), pathlib.Path(folder))
except ValueError as error:
    sys.exit(str(error))
"""

QUIET = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
"""One thread uses little address space; warnings would hide the error message in the output."""


def run_child(
    function: typing.Callable[[pathlib.Path, pathlib.Path], None],
    file: pathlib.Path,
    environment: typing.Mapping[str, str],
    advice: str,
) -> dict[str, bytes]:
    """Runs a function on a file in a child process.

    Args:
        function: A function of a module. It receives the file and an empty folder, and writes its results to the
            folder. It raises `ValueError` with a description if the file is invalid.
        file: The file to read.
        environment: Environment variables that are added to those of this process.
        advice: What the user can do if the file cannot be read; part of the error message.

    Returns:
        The files that the function wrote to the folder: content by file name.

    Raises:
        CheckpointError: If the function reports an invalid file, takes too long, or crashes, or if the process cannot
            be started.
    """
    with tempfile.TemporaryDirectory(prefix="faceswap-") as folder:
        size = file.stat().st_size
        most, seconds = MEMORY + TIMES_FILE * size, round(SECONDS + size / BYTES_A_SECOND)
        path = [str(pathlib.Path(entry).resolve()) for entry in sys.path if entry]  # without the current folder
        location = function.__module__, function.__name__
        argument = json.dumps([path, str(file.resolve()), folder, most, *location])
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
            raise CheckpointError(f"{file}: cannot start a process to read it ({error}); {advice}") from error
        if done.returncode != 0:
            raise CheckpointError(f"{file}: {_explain(done)}; {advice}")
        return {entry.name: entry.read_bytes() for entry in pathlib.Path(folder).iterdir()}


def _explain(done: subprocess.CompletedProcess) -> str:
    """Describes the failure of a child process."""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode < 0:
        return f"the process that read it crashed (signal {-done.returncode}): the file is damaged or malicious"
    return to_line((lines or [f"the process that read it ended with {done.returncode}"])[-1])


def to_line(text: str) -> str:
    """Converts an error message of a library, which may quote the file, to a line of up to 300 printable characters."""
    line = " ".join(text.split())[:300]
    return "".join(letter if letter.isprintable() else "?" for letter in line)
