"""`google.colab` as it behaves on Google's machines, for notebooks that run here.

A session is a kernel with these stubs on its path and an environment that says what Drive and the browser do:

    COLAB_DRIVE      the folder that Drive really is; what is there outlives a session
    COLAB_MOUNT      "mounts" (the default), "refused" or "fails"
    COLAB_VANISHES   after so many file operations in Drive, each further one fails, as on a mount whose process died
    COLAB_UPLOADS    JSON: what the user chooses in one call of upload after another, each a list of paths
    COLAB_DOWNLOADS  the folder that the browser saves to
    COLAB_ASKED      a file that gets a line for each dialog: "drive" or "upload"
    COLAB_PIP        the exit code of the pip that installs nothing; 0 is the default
"""

import pathlib

from tests.links import require_symlinks

ERRORS = """
class Error(Exception):
    pass
"""

DRIVE = """
import os
import pathlib
import sys

from google.colab import errors


class MessageError(errors.Error):
    pass


def mount(mountpoint, force_remount=False, timeout_ms=120000, readonly=False):
    does = os.environ.get("COLAB_MOUNT", "mounts")
    if "COLAB_ASKED" in os.environ:
        with open(os.environ["COLAB_ASKED"], "a") as file:
            file.write("drive\\n")
    if does == "refused":
        raise MessageError("Error: credential propagation was unsuccessful")
    mine = pathlib.Path(mountpoint, "MyDrive")
    if mine.is_dir() and not force_remount:
        print(f"Drive already mounted at {mountpoint}")
        return
    if not mine.parent.parent.is_dir():
        raise ValueError("Mountpoint must be in a directory that exists")
    if mine.parent.is_dir() and any(mine.parent.iterdir()):
        raise ValueError("Mountpoint must not already contain files")
    if does == "fails":
        raise ValueError("mount failed")
    mine.parent.mkdir(exist_ok=True)
    mine.symlink_to(os.environ["COLAB_DRIVE"], target_is_directory=True)
    if "COLAB_VANISHES" in os.environ:
        vanish(str(mine), int(os.environ["COLAB_VANISHES"]))
    print(f"Mounted at {mountpoint}")


def vanish(folder, after):
    done = 0

    def watch(event, arguments):
        nonlocal done
        if event in WATCHED and any(str(argument).startswith(folder) for argument in arguments):
            done += 1
            if done > after:
                raise OSError(107, "Transport endpoint is not connected")

    sys.addaudithook(watch)


WATCHED = {"open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "os.utime", "shutil.copyfile"}
"""

FILES = """
import json
import os
import pathlib
import shutil

chosen = [list(paths) for paths in json.loads(os.environ.get("COLAB_UPLOADS", "[]"))]


def upload(target_dir=""):
    uploaded = {}
    if "COLAB_ASKED" in os.environ:
        with open(os.environ["COLAB_ASKED"], "a") as file:
            file.write("upload\\n")
    for path in map(pathlib.Path, chosen.pop(0) if chosen else []):
        number, name = 0, path.name
        while os.path.lexists(os.path.join(target_dir, name)):
            number += 1
            name = f"{path.stem} ({number}){path.suffix}"
        name = os.path.join(target_dir, name)
        uploaded[name] = path.read_bytes()
        pathlib.Path(name).write_bytes(uploaded[name])
        print(f"Saving {path.name} to {name}")
    return uploaded


def download(filename):
    if not os.path.exists(filename):
        raise FileNotFoundError(f"Cannot find file: {filename}")
    shutil.copy(filename, os.environ["COLAB_DOWNLOADS"])
"""

PIP = """
import json
import os
import pathlib
import sys

with pathlib.Path(os.environ["ASKED_OF_PIP"]).open("a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
code = int(os.environ.get("COLAB_PIP", "0"))
if code:
    print("ERROR: ResolutionImpossible: this is what pip says")
sys.exit(code)
"""

MODULES = {
    "google/colab/__init__.py": "",
    "google/colab/errors.py": ERRORS,
    "google/colab/drive.py": DRIVE,
    "google/colab/files.py": FILES,
}


def write_stubs(folder: pathlib.Path, *, pip: bool = True) -> pathlib.Path:
    """Writes the modules; skips the test where their Drive, which is a link, cannot be mounted.

    Args:
        folder: What is put on the kernel's path.
        pip: Also a pip that notes in the file ASKED_OF_PIP what it was asked for, and installs nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    require_symlinks(folder)
    modules = MODULES | ({"pip/__init__.py": "", "pip/__main__.py": PIP} if pip else {})
    for name, text in modules.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder
