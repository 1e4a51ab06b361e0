"""Colab's install cells on a machine like Google's: pip itself, and a path with old copies behind the new packages.

The machine is an environment of its own. Its packages are nothing but the notes that pip keeps of an installation, and
the project is a small wheel, so nothing is fetched and every run takes seconds.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sysconfig
import typing
import venv
import zipfile

import pytest

from tests.project.test_colab import setup_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the path is Ubuntu's, and links need rights on Windows")

NEW = {"cryptography": "50.0.0", "pyparsing": "3.2.5", "six": "1.17.0", "torch": "2.9.0+cu126", "Zope.Interface": "8.0"}
"""What lies in front on the path."""

OLD = {
    "cryptography": "3.4.8",
    "PyParsing": "2.4.7",
    "six": "1.16.0",
    "zope_interface": "5.4.0",
    "launchpadlib": "1.10.16",
    "dbus-python": "1.2.18",
    "distro-info": "1.1build1",  # no version in pip's sense
}
"""What Ubuntu's own folder, the last on the path, has."""

NEEDED = ["cryptography>=42", "pyparsing>=3.1", "six", "torch", "zope.interface>=6", "filterpy; extra == 'colab'"]

SESSION = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance(colors="nocolor")
for source in json.load(open("cells.json")):
    if not shell.run_cell(source).success:
        break  # as "Run all" does
"""


def write_metadata(folder: pathlib.Path, name: str | None, version: str | None) -> None:
    """Writes what importlib.metadata and pip read."""
    folder.mkdir(parents=True)
    stated = {"Metadata-Version": "2.1", "Name": name, "Version": version}
    text = "".join(f"{key}: {value}\n" for key, value in stated.items() if value)
    (folder / ("PKG-INFO" if folder.suffix == ".egg-info" else "METADATA")).write_text(text)
    (folder / "RECORD").touch()


def write_wheel(folder: pathlib.Path, name: str, *, needs: typing.Sequence[str] = ()) -> pathlib.Path:
    """Writes a wheel of one module."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    metadata = [f"Name: {name}", "Version: 1.0", "Provides-Extra: colab", *(f"Requires-Dist: {one}" for one in needs)]
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "")
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", "\n".join(["Metadata-Version: 2.1", *metadata, ""]))
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


class Machine:
    """Google's machine: a Python environment that knows of made packages only.

    Args:
        folder: Where it is made.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = folder / "content"
        self.folder.mkdir()
        environment, wheels, modules = folder / "environment", folder / "wheels", folder / "modules"
        venv.create(environment, symlinks=True)
        self.python = environment / "bin" / "python"
        [front] = environment.glob("lib/python3*/site-packages")
        behind = folder / "usr" / "lib" / "python3" / "dist-packages"
        for name, version in NEW.items():
            write_metadata(front / f"{name.replace('.', '_')}-{version}.dist-info", name, version)
        for name, version in OLD.items():
            write_metadata(behind / f"{name.replace('-', '_')}-{version}.egg-info", name, version)
        write_metadata(behind / "~ix-1.15.dist-info", None, None)  # left over when somebody interrupted pip
        (front / "ubuntu.pth").write_text(f"{behind}\n")
        wheels.mkdir()
        write_wheel(wheels, "filterpy")
        self.wheel = write_wheel(folder, "faceswap_lib", needs=NEEDED)
        modules.mkdir()  # this environment's modules, pip and IPython among them, without pip's notes of them
        for path in pathlib.Path(sysconfig.get_paths()["purelib"]).iterdir():
            if not path.name.endswith((".dist-info", ".egg-info", ".pth")) and "faceswap" not in path.name:
                (modules / path.name).symlink_to(path)
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(modules),
            "IPYTHONDIR": str(folder / "ipython"),
            "PIP_NO_COLOR": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def run(self, install_from: str, *, replaced: dict[str, str] | None = None) -> str:
        """Runs the setup cell without its last part, which needs the whole package; all that was shown."""
        setup = setup_of("faceswap_demo")
        source = "\n\n\n".join((setup.drive, setup.functions, setup.call))
        for old, new in {"/content/faceswap_lib.zip": install_from, **(replaced or {})}.items():
            assert source.count(old) == 1, old
            source = source.replace(old, new)
        (self.folder / "cells.json").write_text(json.dumps([source, "print('the lesson')"]))
        command = [self.python, "-c", SESSION]
        options = {"cwd": self.folder, "env": self._environment, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(command, text=True, timeout=120, **options).stdout

    def versions(self) -> dict[str, str]:
        """What pip itself finds installed."""
        command = [self.python, "-m", "pip", "list", "--format=json"]
        listed = subprocess.run(command, capture_output=True, env=self._environment, check=True, timeout=120).stdout
        return {package["name"].replace("_", "-"): package["version"] for package in json.loads(listed)}


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    return Machine(tmp_path)


def test_old_copies_behind_new_packages_stop_nothing_and_nothing_moves(machine: Machine):
    before = machine.versions()
    shown = machine.run(str(machine.wheel))
    assert machine.versions() == {**before, "faceswap-lib": "1.0", "filterpy": "1.0"}, shown
    assert "7 packages must stay as they are; 2 have no name or version that pip can use" in shown
    assert "8 packages were here, 0 of them moved" in shown
    assert "new: faceswap-lib 1.0, filterpy 1.0" in shown
    held = (machine.folder / "constraints.txt").read_text().splitlines()
    assert {"cryptography==50.0.0", "pyparsing==3.2.5", "zope-interface==8.0", "torch==2.9.0+cu126"} < set(held)


def test_were_the_last_copy_held_pip_would_find_no_way_and_the_cell_says_so(machine: Machine):
    """The machine is one on which the order matters."""
    read = "before, nameless = list_packages()"
    last = "before |= {one.name.lower(): one.version for one in importlib.metadata.distributions() if one.name}"
    shown = machine.run(str(machine.wheel), replaced={read: f"{read}\n    {last}"})
    assert "ResolutionImpossible" in shown and "cryptography==3.4.8" in shown
    assert "RuntimeError: faceswap_lib is not installed, pip ended with 1: read the last lines of pip above" in shown
    assert "of them moved" not in shown and "the lesson" not in shown


@pytest.mark.parametrize("kind", ["file", "address", "folder"])
def test_a_source_that_cannot_be_reached_stops_run_all_in_that_cell(machine: Machine, kind: str):
    if kind == "address" and not shutil.which("git"):
        pytest.skip("git is not installed")
    sources = {"address": "git+http://127.0.0.1:9/faceswap_lib", "folder": str(machine.folder / "faceswap_lib.zip")}
    if kind == "folder":  # the zip was unpacked there, and the working directory is on the path
        (machine.folder / "faceswap_lib").mkdir()
    source = sources.get(kind, "/nowhere/faceswap_lib.zip")
    shown = machine.run(source)
    last = shown.strip().splitlines()[-1]
    assert source in last and last.lower().endswith("run this cell again.")
    if kind != "address":
        assert last.startswith(
            f"RuntimeError: {source} is not here: drop the zip of the project's folder into the folder"
        )
    else:
        assert last.startswith("RuntimeError: faceswap_lib is not installed, pip ended with 1: read the last lines of")
        assert "check INSTALL_FROM" in last and "error: " in shown.lower()
    assert "of them moved" not in shown and "the lesson" not in shown
