"""The subcommand `weights`: lists the files of pretrained weights, and downloads one."""

import dataclasses
import pathlib
from typing import Annotated

import tyro

from faceswap_lib.config_fields import Doc
from faceswap_lib.errors import FaceswapError, InputError
from faceswap_lib.networks.pretrained.weights_catalog import find_entry, list_weights
from faceswap_lib.networks.pretrained.weights_fetching import describe_weights, examine_weights, fetch_weights


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weights:
    """List the files of pretrained weights: purpose, terms, size, SHA-256, source and state; or download one."""

    words: Annotated[
        tyro.conf.Positional[tuple[str, ...]],
        Doc("no words to list the files; 'fetch NAME' to download one (nothing else downloads weights)"),
        tyro.conf.arg(metavar="fetch NAME"),
    ] = ()
    from_file: Annotated[
        pathlib.Path | None,
        Doc("with fetch: use this file, which you downloaded yourself, instead of a download"),
        tyro.conf.arg(aliases=["--from"]),
    ] = None

    def __call__(self) -> None:
        """Lists the files, or fetches one."""
        if not self.words and self.from_file is None:
            self._list()
        elif len(self.words) == 2 and self.words[0] == "fetch":
            self._fetch(self.words[1])
        else:
            got = " ".join(self.words) or "--from alone"
            raise InputError(f"expected nothing, or fetch NAME, got {got!r:.80}; 'faceswap weights' lists the names")

    def _list(self) -> None:
        """Prints every file of the catalog with its state; raises an error if one is damaged."""
        faults = []
        for entry in list_weights():
            state = examine_weights(entry)
            faults += [entry.name] if state.fault else []
            print(entry.name)
            for word, text in describe_weights(entry, state):
                print(f"  {word + ':':9}{text}")
        if faults:
            raise FaceswapError(f"damaged or other files: {', '.join(faults)}; remove them and fetch them again")

    def _fetch(self, name: str) -> None:
        """Downloads one file, or takes it from `from_file`, and prints its path and digest."""
        entry = find_entry(name)
        if entry.url:
            print(f"{entry.name}: {entry.size / 1e6:.0f} MB from {self.from_file or entry.url}\nterms: {entry.terms}")
        state = fetch_weights(entry, self.from_file)
        print(f"here: {state.path}\nSHA-256: {state.digest}")
        if state.is_noted:
            print("this checksum is not published in full; it was saved, and the file is compared with it from now on")
