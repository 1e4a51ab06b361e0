"""The code that runs, and the videos it made, on a notebook's page."""

import inspect
import pathlib
import typing

from faceswap_lib.show.notebook import ipython_display


def show_source(code: typing.Callable | type) -> typing.Any:
    """Shows the source of a function or class as it is installed here, so that text and code cannot drift apart.

    Raises:
        ImportError: If IPython is missing.
    """
    display = ipython_display()
    code_html = display.Code(inspect.getsource(code), language="python")._repr_html_()
    # Pages differ in the type they give to output; code without fixed columns is hard to read.
    style = ".faceswap-source pre { font: 13px/1.4 monospace !important; overflow-x: auto; }"
    return display.HTML(f'<style>{style}</style><div class="faceswap-source">{code_html}</div>')


def embed_video(path: pathlib.Path | str, *, width: int | None = None) -> typing.Any:
    """Shows a video inside the notebook, which from then on contains it.

    Args:
        path: An .mp4 that browsers play, as `VideoWriter` makes them.
        width: Width on the page in pixels; by default the video's own.

    Raises:
        ImportError: If IPython is missing.
        ValueError: If there is no such file.
    """
    if not pathlib.Path(path).is_file():
        raise ValueError(f"expected a video, found no file {path}")
    return ipython_display().Video(str(path), embed=True, width=width, html_attributes="controls loop")
