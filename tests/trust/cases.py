"""What a hostile file is, and what reads it."""

import dataclasses
import pathlib
import typing

REFUSED = "refused"
"""The verdict of a file that must end in an error of ours."""

SAME = "same"
"""The verdict of a file that is read as the valid one is."""

Content = bytes | str | typing.Callable[[pathlib.Path], object]


@dataclasses.dataclass(frozen=True)
class Case:
    """One hostile file.

    Attributes:
        name: Says what is wrong with it.
        content: Its bytes or text, or what makes it (or anything else) at a path.
        verdict: `REFUSED`, `SAME`, a function that is true for the right results, or the right result itself.
    """

    name: str
    content: Content
    verdict: typing.Any = REFUSED

    def make(self, path: pathlib.Path) -> None:
        """Puts the file at a path."""
        if callable(self.content):
            self.content(path)
        else:
            text = self.content
            path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reader:
    """Something that reads files of others.

    Attributes:
        name: What it reads.
        file: Where that lies below a folder.
        prepare: Writes a valid file, and what belongs to it, below a folder.
        read: Reads it; gives plain JSON that says what was read.
        corpus: Module of this package whose `cases` gives the hostile files of a name.
        form: How `mutations` takes a file apart: "json", "lines", "zip", "png" or "bytes".
        share: How many random files are tried in CI; what is slow gets fewer.
        holds: What is true for what was read of a random file, given that and what was read of the valid one.
        is_isolated: Whether the library reads it in a process of its own, which may crash.
        others: Suffixes of more valid files beside `file`, which are spliced with it.
    """

    name: str
    file: str
    prepare: typing.Callable[[pathlib.Path], object]
    read: typing.Callable[[pathlib.Path], object]
    corpus: str
    form: str = "bytes"
    share: int = 1000
    holds: typing.Callable[[typing.Any, typing.Any], bool] = lambda result, whole: True
    is_isolated: bool = False
    others: tuple[str, ...] = ()


def damaged_texts() -> list[Case]:
    """Files that are no JSON object of any kind, whoever reads them."""
    texts: dict[str, bytes | str] = {
        "nothing": b"",
        "spaces": "   \n",
        "zeros": bytes(100),
        "a picture": b"\xff\xd8\xff\xe0\x00\x10JFIF\xfe",
        "UTF-16": '{"a": 1}'.encode("utf-16"),
        "Latin-1": '{"a": "é"}'.encode("latin-1"),
        "half": '{"a": "b',
        "two": "{}{}",
        "null": "null",
        "true": "true",
        "a number": "3",
        "a text": '"text"',
        "a list": "[1, 2]",
        "NaN": "NaN",
        "deep lists": "[" * 100_000,
        "deep objects": '{"a":' * 50_000,
        "deep and closed": "[" * 5000 + "]" * 5000,
        "5000 digits": '{"a": ' + "9" * 5000 + "}",
        "a page": "<!DOCTYPE html><html></html>",
        "a pointer of Git LFS": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
        "comments": '// no JSON\n{"a": 1}',
        "single quotes": "{'a': 1}",
    }
    return [Case(name, content) for name, content in texts.items()]


def number_names(made: list[Case]) -> list[Case]:
    """Gives cases of one name a number each."""
    seen: dict[str, int] = {}
    numbered = []
    for case in made:
        seen[case.name] = seen.get(case.name, 0) + 1
        name = f"{case.name} ({seen[case.name]})" if seen[case.name] > 1 else case.name
        numbered.append(dataclasses.replace(case, name=name))
    return numbered
