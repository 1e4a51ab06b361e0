"""What the tests have a process of its own do, instead of reading a file."""

import json
import os
import pathlib
import sys
import time


def tell_plugins(file: pathlib.Path, folder: pathlib.Path) -> None:
    told = [os.environ["HDF5_PLUGIN_PRELOAD"], os.environ["HDF5_PLUGIN_PATH"], os.getcwd() not in sys.path]
    (folder / "seen").write_text(json.dumps(told))


def crash(file: pathlib.Path, folder: pathlib.Path) -> None:
    os.kill(os.getpid(), 11)


def hang(file: pathlib.Path, folder: pathlib.Path) -> None:
    time.sleep(60)


def take_all_memory(file: pathlib.Path, folder: pathlib.Path) -> None:
    try:
        bytearray(1 << 33)
    except MemoryError as error:
        raise ValueError("no memory for that") from error


def say_escapes(file: pathlib.Path, folder: pathlib.Path) -> None:
    raise ValueError("\x1b[31mred\x1b[0m \u202e")
