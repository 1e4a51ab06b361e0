"""A page of results: one HTML file with its pictures inside, readable from disk on any screen."""

import base64
import html
import pathlib

import cv2
import numpy as np

from faceswap_lib.files import write_text

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 1080px; margin: 0 auto;
       padding: 16px; }
h1 { font-size: 1.6em; line-height: 1.2; } h2 { font-size: 1.2em; margin-top: 2em; }
img, video { max-width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; } .wide img { max-width: none; }
table { border-collapse: collapse; } td { padding: 2px 16px 2px 0; vertical-align: top; }
td:first-child { color: #555; }
figure { margin: 1em 0; } figcaption { color: #555; font-size: 0.9em; }
"""


class Page:
    """Collects headings, text, tables and pictures, then writes them as one file.

    Args:
        title: Of the page.
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

    def add_picture(self, image: np.ndarray, caption: str, *, wide: bool = False) -> None:
        """Adds a picture.

        Args:
            image: (H, W, 3) uint8 RGB.
            caption: Shown below it.
            wide: Keep its size and let it scroll, instead of shrinking it to the page.
        """
        text = html.escape(caption)
        scroll = ' class="wide"' if wide else ""
        source = f"data:image/jpeg;base64,{_to_jpeg(image)}"
        picture = f'<img src="{source}" alt="{text}" width="{image.shape[1]}" height="{image.shape[0]}">'
        self._parts.append(f"<figure><div{scroll}>{picture}</div><figcaption>{text}</figcaption></figure>")

    def add_video(self, name: str, caption: str) -> None:
        """Adds a video that lies beside the page; `name` is its file name."""
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


def _to_jpeg(image: np.ndarray) -> str:
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return base64.b64encode(encoded.tobytes()).decode("ascii")
