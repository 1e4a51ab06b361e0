"""Prepares tables, text, options and pictures of a page for narrow screens; the rest is in `docs/style/site.css`."""

import html
import re

import bs4

LONG_CELL, LONG_ROW = 40, 70
"""Characters of the longest cell, and of the longest cells of a row together, from which a table becomes cards."""

PLAIN = {"Description", "meaning", "what it does", "what it is"}
"""Headings that say nothing more beside a cell: it is the explanation of the row."""

LONG_LINE = 40
"""Characters of the longest line from which text is wrapped."""

WHOLE = 22
"""Longest option or name in characters that is never broken."""

TABLE = re.compile(r"<table>.*?</table>", re.S)
TEXT = re.compile(r'(<div class="language-text[^"]*"><pre>(?:<span></span>)?<code)>(.*?)(</code></pre>)', re.S)
COLUMNS = re.compile(r"\S {3,}[^\s#]")
INLINE_CODE = re.compile(r"(?<!<span></span>)<code>([^<]*)</code>")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
PICTURE = re.compile(
    r'(?P<before><p>|<div class="nb-output">)(?P<tag><img [^>]*src="(?P<path>[^":]+\.(?:jpg|png))"[^>]*>)'
)


def adapt(page: str) -> str:
    """Returns the HTML of a page with labeled tables, wrapped text, whole options and pictures that can be opened."""
    page = TABLE.sub(lambda found: label_table(found[0]), page)
    page = TEXT.sub(lambda found: wrap_text(found[1], found[2], found[3]), page)
    page = INLINE_CODE.sub(lambda found: f"<code>{adapt_code(found[1])}</code>", page)
    return PICTURE.sub(r'\g<before><a class="picture" href="\g<path>">\g<tag></a>', page)


def label_table(table: str) -> str:
    """Writes the heading of its column into each cell of a table of sentences; a narrow screen shows it as cards.

    Tables of two columns and tables of numbers do not change: they fit, or have to be compared column by column.
    """
    soup = bs4.BeautifulSoup(table, "html.parser")
    labels = [cell.get_text(" ", strip=True) for cell in soup.select("thead th")]
    rows = [row.find_all("td") for row in soup.select("tbody tr")]
    longest = [
        max((len(row[index].get_text()) for row in rows if index < len(row)), default=0)
        for index in range(1, len(labels))
    ]
    if len(longest) < 2 or max(longest) < LONG_CELL or sum(longest) < LONG_ROW:
        return table
    soup.table["data-cards"] = ""
    for row in rows:
        for index, (cell, label) in enumerate(zip(row, labels, strict=False)):
            text = cell.get_text(strip=True)
            if not text:
                cell.clear()
            elif label and label not in PLAIN and (index or text.isdigit()):
                cell["data-label"] = label
    return str(soup)


def wrap_text(opening: str, text: str, closing: str) -> str:
    """Marks each line of commands or of a program's output, so that long ones wrap; text in columns does not change."""
    lines = text.rstrip("\n").split("\n")
    in_columns = sum(bool(COLUMNS.search(line)) for line in lines) > len(lines) / 4
    if in_columns or max(len(html.unescape(line)) for line in lines) <= LONG_LINE:
        return f"{opening}>{text}{closing}"
    spans = "".join(f"<span>{OPTION.sub(keep_whole, line)}</span>\n" for line in lines)
    return f'{opening} class="wraps">{spans}{closing}'


def adapt_code(code: str) -> str:
    """Returns code of a sentence or a cell in which options are not broken, and a long name may be after a `_`."""
    return OPTION.sub(keep_whole, code.replace("_", "_<wbr>") if len(code) > WHOLE else code)


def keep_whole(option: re.Match) -> str:
    """Marks an option as one piece, or at least its dashes and its first letter, so that no line ends with them."""
    length = len(option[0]) if len(option[0]) <= WHOLE else 3
    return f'<span class="whole">{option[0][:length]}</span>{option[0][length:]}'
