"""Weight files inside installed packages, found without importing the packages."""

import importlib.util
import pathlib


def package_folders(package: str) -> list[pathlib.Path]:
    """Lists the folders of an installed package; empty if it is not installed."""
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return [pathlib.Path(folder).resolve() for folder in folders or ()]


def find_packaged_file(package: str, *parts: str) -> pathlib.Path | None:
    """Returns the path of a file inside an installed package; None if the package or the file is missing.

    Args:
        package: Name of the package as in an import.
        parts: Folders below the package, and the name of the file.
    """
    paths = [folder.joinpath(*parts) for folder in package_folders(package)]
    return next((path for path in paths if path.is_file()), None)
