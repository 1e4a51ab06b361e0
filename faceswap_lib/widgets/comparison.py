"""Two pictures of one size, one over the other, and a border between them that the mouse moves.

A piece of HTML with its pictures inside: it works on any page, with or without a kernel, and offline. It has no script
and no names; every control looks for its pictures from where it stands.
"""

import base64
import dataclasses
import html
import typing

import cv2
import numpy as np

QUALITY = 92
"""JPEG quality of the pictures, whose colors are kept at full resolution."""

DENSITY = 2
"""Pictures are kept up to so many pixels for one of the page, as fine screens have."""

STYLE = """
.faceswap-compare{--cut:50%;max-width:100%;font:13px/1.5 system-ui,sans-serif}
.faceswap-compare .stage{position:relative;overflow:hidden;line-height:0;border-radius:4px}
.faceswap-compare .stage:focus-within{outline:2px solid #4a90d9}
.faceswap-compare img{display:block;width:100%;max-width:none;height:auto;margin:0}
.faceswap-compare .before{position:absolute;inset:0;clip-path:inset(0 calc(100% - var(--cut)) 0 0)}
.faceswap-compare .border{position:absolute;top:0;bottom:0;left:var(--cut);width:2px;margin-left:-1px;background:#fff;
 box-shadow:0 0 3px #000;pointer-events:none}
.faceswap-compare .knob{position:absolute;top:50%;left:1px;width:30px;height:30px;margin:-15px;border-radius:50%;
 background:#fff;color:#333;box-shadow:0 0 4px #000;font-size:12px;line-height:30px;text-align:center}
.faceswap-compare .label{position:absolute;top:8px;padding:1px 8px;border-radius:3px;background:rgba(0,0,0,.6);
 color:#fff;line-height:20px;pointer-events:none}
.faceswap-compare .wipe{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:ew-resize;
 touch-action:pan-y}
.faceswap-compare .wipe::-webkit-slider-thumb{width:2px;height:100%}
.faceswap-compare .wipe::-moz-range-thumb{width:2px;height:100%;border:0}
.faceswap-compare .frames{display:flex;align-items:center;gap:8px;margin-top:4px}
.faceswap-compare .frames input{flex:1;min-width:0}
""".replace("\n", "")

MOVE_BORDER = "this.closest('.faceswap-compare').style.setProperty('--cut',this.value+'%')"
CHOOSE_FRAME = (
    "const box=this.closest('.faceswap-compare');"
    "for(const layer of box.querySelectorAll('.after,.before'))"
    "[...layer.children].forEach((picture,at)=>{picture.style.display=at==this.value?'block':'none'});"
    "box.querySelector('output').textContent=+this.value+1"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two pictures with a wipe between them; a notebook shows it when it is the last line of a cell.

    Attributes:
        html: The whole of it, to be put on any page.
    """

    html: str

    def _repr_html_(self) -> str:
        return self.html


def compare_before_after(
    before: np.ndarray | typing.Sequence[np.ndarray],
    after: np.ndarray | typing.Sequence[np.ndarray],
    *,
    labels: tuple[str, str] = ("before", "after"),
    width: int = 480,
) -> Comparison:
    """Lays one picture over another and lets the mouse move the border between them.

    Args:
        before: (H, W, 3) uint8 RGB, shown left of the border; or a list of them, then a second slider picks the frame.
        after: The same number of pictures of the same size, shown right of it.
        labels: What stands over either.
        width: Width on the page in pixels; wider pictures are shrunk to twice that, which a fine screen shows.

    Returns:
        What a notebook shows; about 20 to 60 kB per picture of 480 pixels.

    Raises:
        ValueError: If there are no pictures, one is no picture, or they differ in number or size.
    """
    befores, afters = _check_pictures(before, after)
    before_label, after_label = (html.escape(label) for label in labels)
    layers = [
        f'<div class="{name}">{"".join(_picture_tag(picture, width, at) for at, picture in enumerate(pictures))}</div>'
        for name, pictures in (("after", afters), ("before", befores))
    ]
    stage = (
        f'<div class="stage">{"".join(layers)}<div class="border"><div class="knob">&#9664;&#9654;</div></div>'
        f'<span class="label" style="left:8px">{before_label}</span>'
        f'<span class="label" style="right:8px">{after_label}</span>'
        f'<input class="wipe" type="range" min="0" max="100" step="0.25" value="50" autocomplete="off" '
        f'aria-label="border between {before_label} and {after_label}" oninput="{MOVE_BORDER}"></div>'
    )
    frames = ""
    if len(befores) > 1:
        frames = (
            f'<label class="frames">frame <input type="range" min="0" max="{len(befores) - 1}" value="0" '
            f'autocomplete="off" oninput="{CHOOSE_FRAME}"><span><output>1</output> of {len(befores)}</span></label>'
        )
    body = f'<style>{STYLE}</style><div class="faceswap-compare" style="width:{width}px">{stage}{frames}</div>'
    return Comparison(html=body)


def jpeg_data(picture: np.ndarray, *, quality: int = QUALITY) -> str:
    """Writes a picture, (H, W, 3) uint8 RGB, as a `data:` address that stands for the file."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _picture_tag(picture: np.ndarray, width: int, at: int) -> str:
    if picture.shape[1] > DENSITY * width:
        height = max(1, round(picture.shape[0] * DENSITY * width / picture.shape[1]))
        picture = cv2.resize(picture, (DENSITY * width, height), interpolation=cv2.INTER_AREA)
    hidden = ' style="display:none"' if at else ""
    return f'<img alt="" draggable="false" src="{jpeg_data(picture)}"{hidden}>'


def _check_pictures(before: typing.Any, after: typing.Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Makes lists of both, all pictures in them of one size."""
    both = [
        [pictures] if isinstance(pictures, np.ndarray) and pictures.ndim < 4 else list(pictures)
        for pictures in (before, after)
    ]
    counts = [len(pictures) for pictures in both]
    if counts[0] != counts[1] or not counts[0]:
        raise ValueError(f"expected as many pictures before as after, at least one, got {counts[0]} and {counts[1]}")
    for picture in (*both[0], *both[1]):
        is_picture = isinstance(picture, np.ndarray) and picture.ndim == 3 and picture.shape[2] == 3
        if not is_picture or picture.dtype != np.uint8 or picture.size == 0:
            got = f"{picture.shape} {picture.dtype}" if isinstance(picture, np.ndarray) else type(picture).__name__
            raise ValueError(f"expected (H, W, 3) uint8 pictures, got {got}")
        if picture.shape != both[0][0].shape:
            sizes = " and ".join(f"{shape[1]}x{shape[0]}" for shape in (both[0][0].shape, picture.shape))
            raise ValueError(f"expected pictures of one size, got {sizes}; resize one of them")
    return both[0], both[1]
