"""Simple SVG shapes for the drawings of the documentation.

Colors are names of CSS variables. A file contains values for a light and a dark color scheme, and the reader's system
chooses between them. On the site, `website.polish` removes these values, and the color scheme of the page is used.
"""

import base64
import html
import pathlib

SCHEME = """<style>
svg { --drawing-ink: #1f2933; --drawing-soft: #5f6c7b; --drawing-paper: #eef2f6; --drawing-line: #9aa8b6;
  --drawing-a: #0b6bcb; --drawing-b: #c2410c; --drawing-both: #6d3fc0; --drawing-good: #15803d; }
@media (prefers-color-scheme: dark) {
svg { --drawing-ink: #e6ebf0; --drawing-soft: #a3b0bd; --drawing-paper: #2b3340; --drawing-line: #65758a;
  --drawing-a: #6cb2ff; --drawing-b: #ff9a5c; --drawing-both: #bfa0ff; --drawing-good: #5dd68a; }
}
</style>"""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"


class Drawing:
    """Drawing that consists of shapes in the order in which they were added; all lengths are in units of the drawing.

    Args:
        name: Name of the file; makes the ids in it different from those of other drawings on a page.
        width: Width of the drawing.
        height: Height of the drawing.
        photos: Folder of the photographs.
    """

    def __init__(self, name: str, width: int, height: int, photos: pathlib.Path):
        self._name, self._size, self._photos = name, (width, height), photos
        self._parts: list[str] = []
        self._heads: set[str] = set()

    def text(self, x, y, words: str, *, size=15, color="ink", anchor="middle", weight=400, style="normal") -> None:
        """Adds a line of text; `y` is its baseline."""
        slanted = f' font-style="{style}"' if style != "normal" else ""
        heavy = f' font-weight="{weight}"' if weight != 400 else ""
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}"{heavy}{slanted} '
            f'fill="var(--drawing-{color})">{html.escape(words)}</text>'
        )

    def box(self, x, y, width, height, words="", *, color="ink", small="", size=15) -> None:
        """Adds a rounded box with a title in its middle and, if given, a smaller line below the title."""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" fill="var(--drawing-paper)" '
            f'stroke="var(--drawing-{color})" stroke-width="2"/>'
        )
        middle = y + height / 2 + size * 0.35
        if words:
            foot = middle - (size * 0.55 if small else 0)
            self.text(x + width / 2, foot, words, size=size, color=color, weight=600)
        if small:
            self.text(x + width / 2, middle + size * 0.6, small, size=size * 0.8, color="soft")

    def funnel(self, x, y, width, height, words, *, color, opens: bool) -> None:
        """Adds a trapezoid that narrows to the right (an encoder) or opens to the right (a decoder)."""
        left, right = (0.22, 0) if opens else (0, 0.22)
        corners = [
            (x, y + left * height),
            (x + width, y + right * height),
            (x + width, y + (1 - right) * height),
            (x, y + (1 - left) * height),
        ]
        points = " ".join(f"{px:g},{py:g}" for px, py in corners)
        self._parts.append(
            f'<polygon points="{points}" fill="var(--drawing-paper)" stroke="var(--drawing-{color})" '
            f'stroke-width="2" stroke-linejoin="round"/>'
        )
        lines = words.split("\n")
        for index, line in enumerate(lines):
            foot = y + height / 2 + 5 + (index - (len(lines) - 1) / 2) * 17
            self.text(x + width / 2, foot, line, color=color, weight=600, size=14 if width > 100 else 12.5)

    def photo(self, name: str, x, y, side, *, words="", below="", color="line") -> None:
        """Adds a photograph with rounded corners and a caption of up to two lines below it."""
        data = base64.b64encode((self._photos / f"{name}.jpg").read_bytes()).decode()
        clip = f"{self._name}-{len(self._parts)}"
        self._parts.append(
            f'<clipPath id="{clip}"><rect x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}" rx="6"/></clipPath>'
            f'<image x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}" clip-path="url(#{clip})" '
            f'href="data:image/jpeg;base64,{data}"/>'
            f'<rect x="{x:g}" y="{y:g}" width="{side:g}" height="{side:g}" rx="6" fill="none" '
            f'stroke="var(--drawing-{color})" stroke-width="2"/>'
        )
        if words:
            self.text(x + side / 2, y + side + 18, words, weight=600, size=14)
        if below:
            self.text(x + side / 2, y + side + 34, below, size=12, color="soft")

    def arrow(self, *points, color="soft", dashed=False, head=True, width=2) -> None:
        """Adds a line through points, with an arrowhead at its end."""
        path = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
        dash = ' stroke-dasharray="5 5"' if dashed else ""
        end = f' marker-end="url(#{self._name}-{color})"' if head else ""
        if head:
            self._heads.add(color)
        self._parts.append(
            f'<path d="{path}" fill="none" stroke="var(--drawing-{color})" stroke-width="{width:g}" '
            f'stroke-linejoin="round"{dash}{end}/>'
        )

    def dot(self, x, y, radius, *, color) -> None:
        """Adds a filled circle."""
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="var(--drawing-{color})"/>')

    def area(self, points, *, color, opacity=0.15) -> None:
        """Adds a filled polygon without a border."""
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polygon points="{corners}" fill="var(--drawing-{color})" fill-opacity="{opacity:g}"/>')

    def to_svg(self, title: str) -> str:
        """Returns the text of the file; `title` describes the drawing to readers who cannot see it."""
        width, height = self._size
        heads = "".join(
            f'<marker id="{self._name}-{color}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            f'markerHeight="7" orient="auto-start-reverse"><path d="M0 0 L10 5 L0 10 z" '
            f'fill="var(--drawing-{color})"/></marker>'
            for color in sorted(self._heads)
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            f'font-family="{FONT}">\n<title>{html.escape(title)}</title>\n{SCHEME}\n<defs>{heads}</defs>\n'
            + "\n".join(self._parts)
            + "\n</svg>\n"
        )
