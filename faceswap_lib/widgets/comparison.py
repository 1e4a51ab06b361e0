"""Before-after comparison: two images of one size with a movable border between them.

The result is HTML with embedded images. It works on any page, with or without a kernel, and offline. It has no script
element and no element ids; each control finds its images relative to its own position in the page.
"""

import base64
import dataclasses
import html
import typing

import cv2
import numpy as np

QUALITY = 92
"""JPEG quality of the images; color is stored at full resolution (4:4:4)."""

DENSITY = 2
"""Maximum number of image pixels per page pixel, for high-resolution screens."""

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
    """Before-after slider of two images; a notebook shows it if it is the value of a cell's last line.

    Attributes:
        html: The complete HTML, which can be placed on any page.
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
    """Shows two images on top of each other with a border between them that the mouse moves.

    Args:
        before: (H, W, 3) uint8 RGB, shown left of the border; or a list of images, then a second slider selects the
            frame.
        after: The same number of images of the same size, shown right of the border.
        labels: Labels of both sides.
        width: Width on the page in pixels. Images wider than twice this width are downsampled to it.

    Returns:
        HTML that a notebook shows; about 20 to 60 kB per image of 480 pixels.

    Raises:
        ValueError: If there are no images, one is not an image, or they differ in number or size.
    """
    befores, afters = _check_images(before, after)
    before_label, after_label = (html.escape(label) for label in labels)
    layers = [
        f'<div class="{name}">{"".join(_image_tag(image, width, index) for index, image in enumerate(images))}</div>'
        for name, images in (("after", afters), ("before", befores))
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
    """Encodes an image as a JPEG `data:` URL.

    Args:
        picture: (H, W, 3) uint8 RGB.
        quality: JPEG quality, 0 to 100.

    Returns:
        The URL.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _image_tag(image: np.ndarray, width: int, index: int) -> str:
    """Builds the `img` element of one image; only the image with index 0 is visible."""
    if image.shape[1] > DENSITY * width:
        height = max(1, round(image.shape[0] * DENSITY * width / image.shape[1]))
        image = cv2.resize(image, (DENSITY * width, height), interpolation=cv2.INTER_AREA)
    hidden = ' style="display:none"' if index else ""
    return f'<img alt="" draggable="false" src="{jpeg_data(image)}"{hidden}>'


def _check_images(before: typing.Any, after: typing.Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Converts `before` and `after` to lists of images and checks that all images have the same size."""
    both = [
        [images] if isinstance(images, np.ndarray) and images.ndim < 4 else list(images) for images in (before, after)
    ]
    counts = [len(images) for images in both]
    if counts[0] != counts[1] or not counts[0]:
        raise ValueError(f"expected as many images before as after, at least one, got {counts[0]} and {counts[1]}")
    for image in (*both[0], *both[1]):
        is_image = isinstance(image, np.ndarray) and image.ndim == 3 and image.shape[2] == 3
        if not is_image or image.dtype != np.uint8 or image.size == 0:
            got = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
            raise ValueError(f"expected (H, W, 3) uint8 images, got {got}")
        if image.shape != both[0][0].shape:
            sizes = " and ".join(f"{shape[1]}x{shape[0]}" for shape in (both[0][0].shape, image.shape))
            raise ValueError(f"expected images of one size, got {sizes}; resize one of them")
    return both[0], both[1]
