"""Prepares tables, text, options and pictures of a page for narrow screens, and chooses where lines may break.

The rest is in `docs/style/site.css`.
"""

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
SHORT_CELL = 12
"""Characters of the longest cell of a table that is never broken."""

COLUMNS = re.compile(r"\S {3,}[^\s#]")
INLINE_CODE = re.compile(r"(?<!<span></span>)<code>([^<]*)</code>")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
WORD = re.compile(r"(?:[^\s&]|&\w+;|&#\d+;)+")
BREAKS = re.compile(r"[-\[\](){}?]")
"""Marks of a word of code before or after which a browser may break the line."""

CELL = re.compile(
    r"<td(?P<attributes>(?:(?!class=)[^>])*)>(?P<content>(?:<a [^>]*>)?(?P<text>[^<]*[ -][^<]*)(?:</a>)?)</td>"
)
TAGS = re.compile(r"<(pre|code|script|style|svg|math|head)\b.*?</\1>|<[^>]*>", re.S)
UNIT = re.compile(r"(?<=\d) (?=(?:%|s|ms|[kMG]B|[MG]iB|dB)(?![\w-]))|(?<=\w) (?=/ \w)")
"""Space between a number and its unit, and before the slash between two values."""

PICTURE = re.compile(
    r'(?P<before><p>|<div class="nb-output">)(?P<tag><img [^>]*src="(?P<path>[^":]+\.(?:jpg|png))"[^>]*>)'
)


def adapt(page: str) -> str:
    """Returns the HTML of a page with labeled tables, wrapped text, whole options and pictures that can be opened."""
    page = TABLE.sub(lambda found: label_table(found[0]), page)
    page = TEXT.sub(lambda found: wrap_text(found[1], found[2], found[3]), page)
    page = INLINE_CODE.sub(lambda found: f"<code>{adapt_code(found[1])}</code>", page)
    page = CELL.sub(keep_cell, page)
    page = keep_text(page)
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
    spans = "".join(f"<span>{WORD.sub(keep_word, line)}</span>\n" for line in lines)
    return f'{opening} class="wraps">{spans}{closing}'


def adapt_code(code: str) -> str:
    """Returns code of a sentence or a cell in which options are not broken, and a long name may be after a `_`."""
    if len(code) > WHOLE:
        code = code.replace("_", "_<wbr>")
    return WORD.sub(keep_word, code)


def keep_word(word: re.Match) -> str:
    """Marks a word of code as one piece if it is short; of a long one only its options."""
    length = len(html.unescape(word[0].replace("<wbr>", "")))
    if length <= WHOLE and BREAKS.search(word[0]):
        return f'<span class="whole">{word[0].replace("<wbr>", "")}</span>'
    return OPTION.sub(keep_whole, word[0])


def keep_cell(cell: re.Match) -> str:
    """Marks a short cell, such as `1.01 / 1.10`, as one piece."""
    if len(html.unescape(cell["text"])) > SHORT_CELL:
        return cell[0]
    return f'<td{cell["attributes"]} class="whole">{cell["content"]}</td>'


def keep_text(page: str) -> str:
    """Keeps options, numbers with their units, and values with the slash after them whole, in text that is not code."""
    parts, end = [], 0
    for tag in TAGS.finditer(page):
        parts += [_keep_text(page[end : tag.start()]), tag[0]]
        end = tag.end()
    return "".join([*parts, _keep_text(page[end:])])


def _keep_text(text: str) -> str:
    return OPTION.sub(keep_whole, UNIT.sub("\N{NO-BREAK SPACE}", text))


def keep_whole(option: re.Match) -> str:
    """Marks an option as one piece, or at least its dashes and its first letter, so that no line ends with them."""
    length = len(option[0]) if len(option[0]) <= WHOLE else 3
    return f'<span class="whole">{option[0][:length]}</span>{option[0][length:]}'
