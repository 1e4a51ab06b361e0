"""A few strokes of SVG for the drawings of the documentation.

Colors are names of variables: a file by itself brings light and dark ones, chosen by what the reader's system prefers;
on the site `website.polish` takes them out, and the page's own scheme decides.
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
    """Shapes in the order in which they were drawn; all lengths in units of the drawing.

    Args:
        name: Of the file; makes the names inside it unlike those of other drawings on a page.
        width, height: Of the paper.
        photos: Where photographs lie.
    """

    def __init__(self, name: str, width: int, height: int, photos: pathlib.Path):
        self._name, self._size, self._photos = name, (width, height), photos
        self._parts: list[str] = []
        self._heads: set[str] = set()

    def text(self, x, y, words: str, *, size=15, color="ink", anchor="middle", weight=400, style="normal") -> None:
        """Writes a line; `y` is its foot."""
        slanted = f' font-style="{style}"' if style != "normal" else ""
        heavy = f' font-weight="{weight}"' if weight != 400 else ""
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}"{heavy}{slanted} '
            f'fill="var(--drawing-{color})">{html.escape(words)}</text>'
        )

    def box(self, x, y, width, height, words="", *, color="ink", small="", size=15) -> None:
        """A rounded box with a title in its middle and, if given, a smaller line below that."""
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
        """A trapezoid that narrows to the right (an encoder), or opens to the right (a decoder)."""
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
        """A photograph with rounded corners and, below it, a caption of one or two lines."""
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
        """A line through points, with a head at its end."""
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
        """A filled circle."""
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="var(--drawing-{color})"/>')

    def area(self, points, *, color, opacity=0.15) -> None:
        """A filled outline without a border."""
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polygon points="{corners}" fill="var(--drawing-{color})" fill-opacity="{opacity:g}"/>')

    def to_svg(self, title: str) -> str:
        """The file's text; `title` says what is seen to whoever cannot see it."""
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
