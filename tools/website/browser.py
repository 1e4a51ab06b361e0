"""The lesson in the browser: fetches Pyodide from npm, and collects the files that the page needs.

Nothing that is fetched is committed. Packages are pinned by version and SHA-256, and kept in the folder of the build.
Pyodide's npm package contains the interpreter and the standard library. NumPy is not used: it has no wheel for Pyodide
on npm or PyPI, only in Pyodide's own distribution.
"""

import dataclasses
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile

import cv2
import numpy as np

RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
"""Files of the package that the page loads."""

PAGE = ("lesson.js", "lesson.css", "worker.js", "lesson_tools.py")
MARK = "<!-- runtime -->"
READY = """<link rel="stylesheet" href="lesson.css">
<div id="lesson"><p id="lesson-status" role="status">This page needs JavaScript.</p>
<p><button id="lesson-all" class="md-button" hidden>Run all cells</button></p></div>
<script src="lesson.js"></script>"""
LEFT_OUT = """!!! warning "Python is not part of this build of the site"
    The code below cannot run here. Build the site where npm can reach its registry: `python tools/build_site.py`."""

SIDE = 80
"""Width and height of the lesson's pictures in pixels; `WIDTH` in browser/lesson_tools.py."""

PICTURES = {"new": ("b_again", (20, 144, 18, 142)), "old": ("a_view", (34, 150, 24, 140))}
"""Pictures of the lesson: name of the photo in docs/drawings/photos, and the part of it: top, bottom, left, right."""


@dataclasses.dataclass(frozen=True)
class Package:
    """A package of npm.

    Attributes:
        name: Its name.
        version: Its version.
        sha256: SHA-256 of its file.
    """

    name: str
    version: str
    sha256: str


PYODIDE = Package("pyodide", "314.0.7", "66b7949e5a0cba2250b586d7e368bf12fb482800748d182c4618254b685ffaa0")


class DownloadError(Exception):
    """A package is not to be had, or is another one than expected."""


def fetch(package: Package, kept: pathlib.Path) -> pathlib.Path:
    """Fetches a package with `npm pack`, unless the folder already has it.

    Args:
        package: The package.
        kept: Folder of the fetched files.

    Returns:
        Path of the package's file, of which the SHA-256 is right.

    Raises:
        DownloadError: If npm is missing, the registry does not answer, or the file has another SHA-256.
    """
    file = kept / f"{package.name}-{package.version}.tgz"
    if not file.is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise DownloadError("npm is missing; it comes with Node.js")
        kept.mkdir(parents=True, exist_ok=True)
        command = [
            npm,
            "pack",
            f"{package.name}@{package.version}",
            "--ignore-scripts",
            "--pack-destination",
            str(kept),
        ]
        try:
            done = subprocess.run(command, cwd=kept, capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired:
            raise DownloadError(f"npm pack {package.name}: no answer in 300 s") from None
        if done.returncode or not file.is_file():
            lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or ["no file was written"]
            raise DownloadError(f"npm pack {package.name}@{package.version} failed: {lines[0].strip()}")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != package.sha256:
        file.unlink()
        raise DownloadError(f"{file.name}: expected SHA-256 {package.sha256}, got {found}; the file was deleted")
    return file


def stage(root: pathlib.Path, folder: pathlib.Path, kept: pathlib.Path, *, wanted: str) -> str:
    """Writes the lesson's files to the folder of its page, with the runtime if it is to be had.

    Args:
        root: The checkout.
        folder: Folder of the page; is created.
        kept: Folder of fetched packages.
        wanted: "auto": without the runtime if it cannot be fetched; "require": then an error; "off": never.

    Returns:
        Markdown of the lesson, with links relative to `browser/` of the checkout.

    Raises:
        DownloadError: With "require", if Pyodide is not to be had.
    """
    folder.mkdir(parents=True)
    text = (root / "browser" / "lesson.md").read_text(encoding="utf-8")
    package = None
    if wanted != "off":
        try:
            package = fetch(PYODIDE, kept)
        except DownloadError as error:
            if wanted == "require":
                raise
            print(f"The lesson in the browser is left out: {error}", file=sys.stderr)
    if package is None:
        return text.replace(MARK, LEFT_OUT)
    runtime = folder / "pyodide"
    runtime.mkdir()
    with tarfile.open(package) as archive:
        for name in RUNTIME:
            member = archive.extractfile(f"package/{name}")
            if member is None:
                raise DownloadError(f"{package.name} has no file {name}")
            (runtime / name).write_bytes(member.read())
    for name in PAGE:
        shutil.copy(root / "browser" / name, folder)
    write_pictures(root, folder)
    return text.replace(MARK, READY)


def write_pictures(root: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes the lesson's pictures as PPM files of `SIDE` pixels, which plain Python can read."""
    for name, (photo, (top, bottom, left, right)) in PICTURES.items():
        pixels = cv2.imread(str(root / "docs" / "drawings" / "photos" / f"{photo}.jpg"))
        if pixels is None:
            raise FileNotFoundError(f"docs/drawings/photos/{photo}.jpg")
        small = cv2.resize(pixels[top:bottom, left:right], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        rgb = np.ascontiguousarray(small[..., ::-1])
        (folder / f"{name}.ppm").write_bytes(b"P6 %d %d 255\n" % (SIDE, SIDE) + rgb.tobytes())
