"""Reports which packages of a list, such as those preinstalled on Colab, an install of this package would change.

    python tools/check_colab_install.py CONSTRAINTS [--python PYTHON] [--extras colab,provenance]

CONSTRAINTS is a file of lines `name==version`. pip resolves the package with these constraints and the given Python,
without installing anything. Exit code 0: it can be resolved, and new packages are listed; 1: it cannot be resolved
without changing a listed package, and pip's reason is printed. A listed version that does not exist for that Python, or
that is not a valid version, cannot be a constraint; such lines are skipped and reported. If a package has several
lines, the first one is used, as on Python's path.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import typing

from packaging.version import VERSION_PATTERN

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOST = re.compile(r"no matching distributions available for your environment:\n((?:[ \t]+\S+\n)+)")
TRIES = 10


class Outcome(typing.NamedTuple):
    """Result of pip: versions by name, the constraints it could not use, and its message if it failed."""

    versions: dict[str, str]
    unusable: list[str]
    reason: str


def main() -> int:
    """Resolves the package and prints the result; returns the exit code."""
    parser = argparse.ArgumentParser(description="Which of the listed packages would an install change?")
    parser.add_argument("constraints", type=pathlib.Path, help="lines of name==version")
    parser.add_argument("--python", default=sys.executable, help="the Python to install for; it needs pip 23 or newer")
    parser.add_argument("--extras", default="colab", help="extras, with commas between them")
    parser.add_argument("--project", default=str(ROOT), help="what to install: a folder, a zip, an address")
    arguments = parser.parse_args()
    listed = read_constraints(arguments.constraints.read_text(encoding="utf-8"))
    outcome = resolve(arguments.python, arguments.project, arguments.extras, listed)
    print("\n".join(to_lines(outcome, listed)))
    return 1 if outcome.reason else 0


def read_constraints(text: str) -> dict[str, str]:
    """Reads `name==version` lines, the first one for each package; comments and all other lines are skipped."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    listed: dict[str, str] = {}
    for name, version in (line.split("==") for line in lines if line.count("==") == 1):
        listed.setdefault(to_plain(name), version.strip())
    return listed


def to_plain(name: str) -> str:
    """Normalizes the name of a package as package indexes do."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def resolve(python: str, project: str, extras: str, listed: dict[str, str]) -> Outcome:
    """Runs pip until it succeeds or fails for good; removes constraints without a distribution for this Python."""
    is_version = re.compile(VERSION_PATTERN, re.VERBOSE | re.IGNORECASE).fullmatch
    unusable = [name for name, version in listed.items() if not is_version(version)]
    for _ in range(TRIES):
        used = {name: version for name, version in listed.items() if name not in unusable}
        versions, words = ask_pip(python, project, extras, used)
        if versions:
            return Outcome(versions, unusable, "")
        lost = find_lost(words, used)
        if not lost:
            break
        unusable += lost
    return Outcome({}, unusable, words.strip())


def find_lost(words: str, used: dict[str, str]) -> list[str]:
    """Finds the constrained packages that have no distribution here, according to pip's message."""
    found = LOST.search(words + "\n")
    return [name for name in map(to_plain, found[1].split()) if name in used] if found else []


def ask_pip(python: str, project: str, extras: str, constraints: dict[str, str]) -> tuple[dict[str, str], str]:
    """Makes one dry run of pip; returns the versions by name and "", or nothing and pip's message."""
    wanted = f"faceswap_lib[{extras}] @ {to_address(project)}" if extras else f"faceswap_lib @ {to_address(project)}"
    with tempfile.TemporaryDirectory() as folder:
        pins, report = pathlib.Path(folder, "constraints.txt"), pathlib.Path(folder, "report.json")
        pins.write_text("".join(f"{name}=={version}\n" for name, version in constraints.items()), encoding="utf-8")
        asked = ["install", "--dry-run", "--ignore-installed", "--no-input", "--constraint", pins, "--report", report]
        command = [python, "-m", "pip", *asked, wanted]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode:
            said, cause, why = done.stdout.partition("The conflict is caused by:")
            return {}, cause + why + done.stderr if cause else said + done.stderr
        installs = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {to_plain(each["metadata"]["name"]): each["metadata"]["version"] for each in installs}, ""


def to_address(project: str) -> str:
    """Converts a path into a URL, so that extras can be requested; other addresses are returned unchanged."""
    return pathlib.Path(project).resolve().as_uri() if pathlib.Path(project).exists() else project


def to_lines(outcome: Outcome, listed: dict[str, str]) -> list[str]:
    """Formats the outcome as lines of text."""
    versions = outcome.versions
    lines = [
        f"no such version for this Python: {name}=={listed[name]}; took {versions.get(name, 'none')}"
        for name in outcome.unusable
    ]
    if outcome.reason:
        return [*lines, "it does not resolve with these versions:", outcome.reason]
    fixed = {name: version for name, version in listed.items() if name in versions and name not in outcome.unusable}
    moved = [f"{name} {old} -> {versions[name]}" for name, old in fixed.items() if versions[name] != old]
    new = sorted(f"{name} {version}" for name, version in versions.items() if name not in listed)
    same = len(fixed) - len(moved)
    lines.append(f"{len(versions)} packages: {same} listed ones as they are, {len(moved)} moved, {len(new)} new")
    lines += [f"moved: {', '.join(moved)}"] if moved else []
    return [*lines, f"new: {', '.join(new)}"]


if __name__ == "__main__":
    sys.exit(main())
