"""What the pages of the documentation hold: code, commands, links, headings."""

import dataclasses
import pathlib
import re

from tests.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data").glob("*.md")])
TOLD = re.compile(r'<!-- tests: (?P<changes>(?:"[^"\n]+" -> "[^"\n]*",? ?)+)\((?P<reason>[^)\n]{10,})\) -->\n')
"""In front of a block of Python: what tests put in place of something, and why. Nothing else is ever left out."""

FENCE = re.compile(rf"(?P<told>{TOLD.pattern})?```python\n(?P<code>.*?)^```$", re.M | re.S)
HEADING = re.compile(r"^#{1,6} +(.+?)(?: *\{[^}]*\})?$", re.M)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


def name_of(page: pathlib.Path) -> str:
    return page.relative_to(ROOT).as_posix()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
    """A line that calls `faceswap`, and whether it stands in a sentence rather than on a line of its own."""

    line: str
    in_sentence: bool


def read_python(text: str) -> list[str]:
    """The blocks of Python of a page, as tests run them."""
    blocks = []
    for found in FENCE.finditer(text):
        code = found["code"]
        for old, new in re.findall(r'"([^"\n]+)" -> "([^"\n]*)"', found["changes"] or ""):
            assert old in code, f"the page says that tests replace {old!r}, which is not in the code"
            code = code.replace(old, new)
        blocks.append(code)
    return blocks


def read_commands(text: str) -> list[Command]:
    """All calls of the command line on a page, without comments."""
    lines = re.findall(r"^    (?:[A-Z_]+=\S+ )*(?:.*&& )?(?:\S*/)?faceswap +(\S.*)$", text, re.M)
    sentences = re.findall(r"(?<!`)`faceswap ([^`]+)`", _without_blocks(text))
    commands = [Command(line=re.sub(r"\s+#.*", "", line), in_sentence=False) for line in lines]
    return commands + [Command(line=line, in_sentence=True) for line in sentences]


def read_options(text: str) -> set[str]:
    """Options that are mentioned by themselves, with their values, as in `--subject center`."""
    return set(re.findall(r"(?<!`)`(--[a-z][^`\n]*)`", _without_blocks(text)))


def _without_blocks(text: str) -> str:
    return re.sub(r"^    .*$", "", re.sub(r"```.*?```", "", text, flags=re.S), flags=re.M)


def read_links(text: str) -> list[str]:
    """The targets of links and pictures that are in this checkout."""
    code = re.compile(r"```.*?```|`[^`\n]*`", re.S)
    targets = [found["target"] for found in LINK.finditer(code.sub("", text))]
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def read_anchors(text: str) -> set[str]:
    """What the headings of a page are called in links, by the rule of GitHub, which is the site's as well."""
    headings = HEADING.findall(re.sub(r"```.*?```", "", text, flags=re.S))
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}
