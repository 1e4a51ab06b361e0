"""Tokens that replace HTML in the Markdown of a page until mkdocs has built the page, so that it is not changed."""

import html
import re


class Tokens:
    """Pieces of HTML by the token that stands for them."""

    def __init__(self):
        self._pieces: dict[str, str] = {}

    def keep(self, piece: str, *, inline: bool = False) -> str:
        """Stores a piece of HTML and returns its token."""
        token = f"{'inline' if inline else 'block'}piece{len(self._pieces):05d}x"
        self._pieces[token] = piece
        return token

    def restore(self, page: str) -> str:
        """Inserts all pieces into a page; a token that is alone in a paragraph replaces the paragraph."""
        page = re.sub(r"<p>(blockpiece\d{5}x)</p>", r"\1", page)
        return re.sub(r"(?:block|inline)piece\d{5}x", lambda found: self._pieces[found[0]], page)


MATH = re.compile(r"\$\$(?P<block>.+?)\$\$|(?<![\\$\w])\$(?P<inline>[^\s$](?:[^$\n]*?[^\s$\\])?)\$(?![\w$])", re.S)
CODE = re.compile(r"^(?P<fence>```+|~~~+).*?^(?P=fence)|(?P<ticks>`+).+?(?P=ticks)|^(?: {4}|\t).*?$", re.M | re.S)


def mark_math(text: str, tokens: Tokens) -> str:
    """Converts formulas in dollar signs to MathML, which browsers can render; code is not changed.

    Raises:
        ValueError: If a formula has a command that cannot be converted.
    """
    from latex2mathml.converter import convert

    def replace(found: re.Match) -> str:
        latex = found["block"] or found["inline"]
        display = "block" if found["block"] else "inline"
        formula = convert(html.unescape(latex).strip().replace(r"\arg ", r"\operatorname{arg} "), display=display)
        if unknown := re.search(r">\s*(\\\w+)", formula):
            raise ValueError(f"the formula {latex.strip()!r} has {unknown[1]}, which latex2mathml does not know")
        token = tokens.keep(formula, inline=display == "inline")
        return f"\n\n{token}\n\n" if display == "block" else token

    parts, end = [], 0
    for code in CODE.finditer(text):
        parts += [MATH.sub(replace, text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, MATH.sub(replace, text[end:])])


def loosen_lists(text: str) -> str:
    """Inserts an empty line before lists that directly follow a paragraph, as Python-Markdown requires.

    As on GitHub, a number other than 1 begins no list there: it is part of a sentence.
    """
    lines, fenced = [], False
    for line in text.split("\n"):
        fenced ^= line.lstrip().startswith("```")
        before = lines[-1] if lines else ""
        is_item = re.match(r" {0,3}([-*+]|1\.) ", line)
        in_list = re.match(r" *([-*+]|\d+\.) |  +", before)
        if is_item and not fenced and before.strip() and not in_list:
            lines.append("")
        lines.append(line)
    return "\n".join(lines)
