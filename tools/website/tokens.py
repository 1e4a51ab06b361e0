"""Marks that stand in a page's Markdown for HTML which Markdown must not touch, until mkdocs has made the page."""

import html
import re


class Tokens:
    """Pieces of HTML by the mark that stands for them."""

    def __init__(self):
        self._pieces: dict[str, str] = {}

    def keep(self, piece: str, *, inline: bool = False) -> str:
        """Puts a piece away and gives its mark."""
        mark = f"{'inline' if inline else 'block'}piece{len(self._pieces):05d}x"
        self._pieces[mark] = piece
        return mark

    def restore(self, page: str) -> str:
        """Puts all pieces back into a page; a mark alone in a paragraph takes the paragraph's place."""
        page = re.sub(r"<p>(blockpiece\d{5}x)</p>", r"\1", page)
        return re.sub(r"(?:block|inline)piece\d{5}x", lambda found: self._pieces[found[0]], page)


MATH = re.compile(r"\$\$(?P<block>.+?)\$\$|(?<![\\$\w])\$(?P<inline>[^\s$](?:[^$\n]*?[^\s$\\])?)\$(?![\w$])", re.S)
CODE = re.compile(r"^(?P<fence>```+|~~~+).*?^(?P=fence)|(?P<ticks>`+).+?(?P=ticks)|^(?: {4}|\t).*?$", re.M | re.S)


def mark_math(text: str, tokens: Tokens) -> str:
    """Turns formulas in dollars into MathML, which browsers draw by themselves; leaves code alone."""
    from latex2mathml.converter import convert

    def replace(found: re.Match) -> str:
        latex = found["block"] or found["inline"]
        display = "block" if found["block"] else "inline"
        formula = convert(html.unescape(latex).strip(), display=display)
        mark = tokens.keep(formula, inline=display == "inline")
        return f"\n\n{mark}\n\n" if display == "block" else mark

    parts, end = [], 0
    for code in CODE.finditer(text):
        parts += [MATH.sub(replace, text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, MATH.sub(replace, text[end:])])


def loosen_lists(text: str) -> str:
    """Puts an empty line before lists that follow a paragraph directly, as Python-Markdown wants it."""
    lines, fenced = [], False
    for line in text.split("\n"):
        fenced ^= line.lstrip().startswith("```")
        before = lines[-1] if lines else ""
        is_item = re.match(r" {0,3}([-*+]|\d+\.) ", line)
        in_list = re.match(r" *([-*+]|\d+\.) |  +", before)
        if is_item and not fenced and before.strip() and not in_list:
            lines.append("")
        lines.append(line)
    return "\n".join(lines)
