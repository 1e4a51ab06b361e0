"""HTML page of results: one self-contained file with embedded images that works offline on any screen size."""

import base64
import html
import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.atomic_io import write_text

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 1080px; margin: 0 auto;
       padding: 16px; overflow-wrap: break-word; }
h1 { font-size: 1.6em; line-height: 1.2; } h2 { font-size: 1.2em; margin-top: 2em; }
img, video { max-width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; } .wide img { max-width: none; }
table { border-collapse: collapse; } td { padding: 2px 16px 2px 0; vertical-align: top; }
td:first-child { color: #555; }
figure { margin: 1em 0; } figcaption { color: #555; font-size: 0.9em; }
.large { font-size: 3.5em; line-height: 1; font-weight: 700; margin: 0.3em 0; }
.large small { font-size: 0.3em; font-weight: 400; }
p:has(+ .large) { font-size: 1.2em; }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: 4px 12px; align-items: center; }
.bars i { background: #e4e7eb; height: 14px; } .bars i b { background: #2f6db5; height: 14px; display: block; }
.bars span { max-width: 9em; overflow-wrap: anywhere; }
.bars small { grid-column: 2 / 4; color: #555; margin: 0 0 6px; }
.gallery { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 8px 24px; }
.gallery figure { margin: 0.5em 0; }
.grid { font-size: 0.9em; line-height: 1.35; font-variant-numeric: tabular-nums; min-width: 100%; }
.grid th, .grid td { padding: 4px 14px 4px 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e4e7eb; }
.grid th { font-weight: 400; position: sticky; left: 0; background: #fff; white-space: nowrap; }
.grid td:first-child { color: #222; }
.grid thead th { color: #555; position: static; white-space: normal; vertical-align: bottom; }
.grid td.section { padding-top: 14px; }
.grid td.text { min-width: 300px; } .grid b { font-weight: 700; }
"""

LONG_TEXT = 24
"""Number of characters above which a table cell gets a minimum column width."""


class Bold(str):
    """Table cell that is shown in bold."""


class Page:
    """HTML page of headings, text, tables and images that is written as one file.

    Args:
        title: Title of the page.
    """

    def __init__(self, title: str):
        self._title = title
        self._parts = [f"<h1>{html.escape(title)}</h1>"]

    def add_heading(self, text: str) -> None:
        """Starts a section."""
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def add_text(self, text: str) -> None:
        """Adds a paragraph."""
        self._parts.append(f"<p>{html.escape(text)}</p>")

    def add_table(self, rows: dict[str, str]) -> None:
        """Adds a table of names and values."""
        cells = (f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in rows.items())
        self._parts.append(f"<table>{''.join(cells)}</table>")

    def add_grid(self, headers: typing.Sequence[str], rows: typing.Sequence[typing.Sequence[str]]) -> None:
        """Adds a table with a header row; a table that is too wide scrolls.

        Args:
            headers: One header per column.
            rows: Cells of each row. The first cell is the name of the row; a row with one cell is a heading across all
                columns. A cell may be `Bold`.
        """
        head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in headers)
        body = "".join(f"<tr>{_to_cells(row, len(headers))}</tr>" for row in rows)
        table = f'<table class="grid"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        self._parts.append(f'<div class="wide">{table}</div>')

    def add_large(self, number: str, unit: str) -> None:
        """Adds one large number."""
        self._parts.append(f'<p class="large">{html.escape(number)} <small>{html.escape(unit)}</small></p>')

    def add_bars(
        self, bars: typing.Sequence[tuple[str, float | None, str, str]], colors: typing.Sequence[str] | None = None
    ) -> None:
        """Adds a bar chart.

        Args:
            bars: For each bar its name, its length (0 to 1; None draws no bar), the number shown after it, and a note
                shown below it, which may be empty.
            colors: CSS color of each bar; None for the page's blue.
        """
        cells = []
        for index, (name, length, number, note) in enumerate(bars):
            width = 100 * min(1.0, max(0.0, length or 0.0))
            color = f";background:{html.escape(colors[index])}" if colors else ""
            cells.append(f'<span>{html.escape(name)}</span><i><b style="width:{width:.1f}%{color}"></b></i>')
            cells.append(
                f"<span>{html.escape(number)}</span>" + (f"<small>{html.escape(note)}</small>" if note else "")
            )
        self._parts.append(f'<div class="bars">{"".join(cells)}</div>')

    def add_gallery(self, pictures: typing.Sequence[tuple[str, np.ndarray]], *, charts: bool = False) -> None:
        """Adds images side by side, as many per row as fit.

        Args:
            pictures: For each image its caption and the (H, W, 3) uint8 RGB pixels.
            charts: Whether the images are charts with two image pixels per page pixel. Charts are stored losslessly,
                and their captions are not visible.
        """
        figures = []
        for caption, image in pictures:
            text, size = html.escape(caption), np.array(image.shape[1::-1]) // (2 if charts else 1)
            source = _to_source(image, "png" if charts else "jpeg")
            below = "" if charts else f"<figcaption>{text}</figcaption>"
            element = f'<img src="{source}" alt="{text}" width="{size[0]}" height="{size[1]}">'
            figures.append(f"<figure>{element}{below}</figure>")
        self._parts.append(f'<div class="gallery">{"".join(figures)}</div>')

    def add_picture(self, image: np.ndarray, caption: str, *, wide: bool = False) -> None:
        """Adds an image.

        Args:
            image: (H, W, 3) uint8 RGB.
            caption: Text below the image.
            wide: Whether to keep the image size and let it scroll, instead of shrinking it to the page width.
        """
        text = html.escape(caption)
        scroll = ' class="wide"' if wide else ""
        source = _to_source(image)
        element = f'<img src="{source}" alt="{text}" width="{image.shape[1]}" height="{image.shape[0]}">'
        self._parts.append(f"<figure><div{scroll}>{element}</div><figcaption>{text}</figcaption></figure>")

    def add_video(self, name: str, caption: str) -> None:
        """Adds a video from the folder of the page.

        Args:
            name: File name of the video.
            caption: Text below the video.
        """
        text, source = html.escape(caption), html.escape(name, quote=True)
        video = f'<video src="{source}" controls loop muted playsinline></video>'
        self._parts.append(f"<figure>{video}<figcaption>{text}</figcaption></figure>")

    def write(self, path: pathlib.Path) -> None:
        """Writes the page."""
        head = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
            f"<title>{html.escape(self._title)}</title><style>{_STYLE}</style></head><body>"
        )
        write_text(path, head + "\n".join(self._parts) + "</body></html>\n")


def _to_source(image: np.ndarray, kind: str = "jpeg") -> str:
    """Encodes an image as a `data:` URL."""
    options = [cv2.IMWRITE_JPEG_QUALITY, 90] if kind == "jpeg" else []
    _, encoded = cv2.imencode(f".{kind}", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return f"data:image/{kind};base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"


def _to_cells(row: typing.Sequence[str], columns: int) -> str:
    """Formats a table row as HTML cells."""
    if len(row) == 1:
        return f'<td class="section" colspan="{columns}">{_to_inline(row[0])}</td>'
    kinds = (' class="text"' if len(cell) > LONG_TEXT else "" for cell in row[1:])
    cells = (f"<td{kind}>{_to_inline(cell)}</td>" for kind, cell in zip(kinds, row[1:], strict=True))
    return f'<th scope="row">{_to_inline(row[0])}</th>{"".join(cells)}'


def _to_inline(cell: str) -> str:
    """Escapes a cell and makes it bold if it is `Bold`."""
    return f"<b>{html.escape(cell)}</b>" if isinstance(cell, Bold) else html.escape(cell)
