"""Loads `faults.c` before the C library of a program, and arms it there."""

import ctypes
import functools
import os
import pathlib
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).with_name("faults.c")


def build(folder: pathlib.Path) -> pathlib.Path | None:
    """Compiles it; None where there is no compiler, or another system than Linux."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        return None
    library = folder / "faults.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


@functools.cache
def _loaded() -> ctypes.CDLL | None:
    if not hasattr(os, "fork") or not hasattr(library := ctypes.CDLL(None), "fault_arm"):
        return None
    library.fault_arm.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_int, ctypes.c_int]
    library.fault_disarm.restype = ctypes.c_long
    library.fault_said.restype = ctypes.c_char_p
    return library


def arm(folder: pathlib.Path, at: int, number: int) -> None:
    """Lets an operation below a folder fail, from 1; an error of 0 kills the process there, a place of 0 only counts.

    An operation opens a file for writing, writes, cuts off, flushes, renames, removes, or makes a folder; with EIO,
    which comes while reading too, opening a file for reading is one as well.
    """
    if (library := _loaded()) is not None:
        library.fault_arm(os.fsencode(folder), at, number, 0)


def disarm() -> int:
    """Turns it off; gives how many operations there were since, 0 where it is not loaded."""
    library = _loaded()
    return 0 if library is None else library.fault_disarm()
