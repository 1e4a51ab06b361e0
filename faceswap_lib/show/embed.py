"""Source code and videos embedded in a notebook."""

import inspect
import pathlib
import typing

from faceswap_lib.show.notebook import ipython_display


def show_source(code: typing.Callable | type) -> typing.Any:
    """Shows the source code of an installed function or class, so that a notebook always matches the code.

    Args:
        code: The function or class.

    Returns:
        HTML that a notebook shows.

    Raises:
        ImportError: If IPython is missing.
    """
    display = ipython_display()
    code_html = display.Code(inspect.getsource(code), language="python")._repr_html_()
    # Some notebook pages use a proportional font for output, in which code is hard to read.
    style = ".faceswap-source pre { font: 13px/1.4 monospace !important; overflow-x: auto; }"
    return display.HTML(f'<style>{style}</style><div class="faceswap-source">{code_html}</div>')


def embed_video(path: pathlib.Path | str, *, width: int | None = None) -> typing.Any:
    """Shows a video in the notebook and embeds the file in it.

    Args:
        path: An .mp4 file that browsers can play, for example from `VideoWriter`.
        width: Width on the page in pixels; by default the width of the video.

    Returns:
        A video that a notebook shows.

    Raises:
        ImportError: If IPython is missing.
        ValueError: If the file does not exist.
    """
    if not pathlib.Path(path).is_file():
        raise ValueError(f"expected a video, found no file {path}")
    return ipython_display().Video(str(path), embed=True, width=width, html_attributes="controls loop")
