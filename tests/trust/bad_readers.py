"""Readers that do wrong on purpose, each in one way, so that the engine is seen to notice it."""

import ctypes
import os
import pathlib
import pickle
import socket
import subprocess
import sys
import time

from tests.trust.cases import Case, Reader

HELD: list[bytes] = []


def cases(name: str) -> list[Case]:
    """One file, on which something happens."""
    return [Case("evil", b"evil", lambda result: True), Case("good", b"good", lambda result: True)]


def prepare(folder: pathlib.Path) -> None:
    (folder / "file").write_bytes(b"good")
    (folder / "pickled").write_bytes(pickle.dumps(pathlib.Path("x")))


def evil(act):
    """A reader that does something when the file says so."""

    def read(folder: pathlib.Path) -> str:
        if (folder / "file").read_bytes() == b"evil":
            act(folder)
        return "read"

    return read


def raise_key_error(folder: pathlib.Path) -> None:
    raise KeyError("x")


def open_victim_in_c(folder: pathlib.Path) -> None:
    library = ctypes.CDLL(None)
    library.fopen.restype = ctypes.c_void_p
    library.fopen(os.fsencode(folder.parent / "outside" / "secret.txt"), b"r")


def rename_victim(folder: pathlib.Path) -> None:
    (folder.parent / "outside" / "secret.txt").rename(folder.parent / "outside" / "other.txt")


def take_memory(folder: pathlib.Path) -> None:
    HELD.append(b"x" * 1_300_000_000)
    HELD.clear()


def hang_in_c(folder: pathlib.Path) -> None:
    ctypes.CDLL(None).sleep(100)


ACTS = {
    "traceback": (raise_key_error, "KeyError"),
    "writes beside": (lambda folder: (folder.parent / "x").write_text("x"), "open "),
    "reads beside": (lambda folder: (folder.parent / "outside" / "secret.txt").read_text(), "open "),
    "reads the passwords": (lambda folder: pathlib.Path("/etc/passwd").read_text(), "open "),
    "reads beside in C": (open_victim_in_c, "opened a victim"),
    "lists the root": (lambda folder: os.listdir("/"), "os.listdir"),
    "renames": (rename_victim, "os.rename"),
    "connects": (lambda folder: socket.create_connection(("127.0.0.1", 9), 0.1).close(), "socket."),
    "looks up": (lambda folder: socket.getaddrinfo("localhost", 80), "socket.getaddrinfo"),
    "starts a program": (lambda folder: subprocess.run(["true"], check=True), "subprocess.Popen"),
    "unpickles": (lambda folder: pickle.loads((folder / "pickled").read_bytes()), "pickle.find_class"),
    "takes memory": (take_memory, "bytes of memory"),
    "is slow": (lambda folder: time.sleep(3), "took 3"),
    "hangs": (hang_in_c, "took more than"),
    "crashes": (lambda folder: os.abort(), "the process ended with"),
    "ends": (lambda folder: os._exit(0), "the process ended with"),
}
"""What readers do, and what is said of it."""

if sys.platform != "linux":
    del ACTS["reads beside in C"]

BAD_READERS = {
    name: Reader(name=name, file="file", prepare=prepare, read=evil(act), corpus="bad_readers", share=0)
    for name, (act, _) in ACTS.items()
}
