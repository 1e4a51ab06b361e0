"""The command line, run from a notebook and shown as a terminal would."""

import html
import shlex
import subprocess
import sys
import typing

from faceswap_lib.show.notebook import ipython_display

_PROGRAM = "import sys; from faceswap_lib.cli import main; sys.exit(main())"


class CommandLine(typing.NamedTuple):
    """What a command said.

    Attributes:
        arguments: What came after `faceswap`.
        text: All that it wrote, errors too.
        exit_code: 0 done, 1 the work failed, 2 wrong use or unusable input.
    """

    arguments: tuple[str, ...]
    text: str
    exit_code: int

    def _repr_html_(self) -> str:
        typed = html.escape(f"$ faceswap {shlex.join(self.arguments)}")
        said = html.escape(self.text.strip())
        return f"<pre><b>{typed}</b>\n{said}\n<i>exit code {self.exit_code}</i></pre>"


def show_command(*arguments: object) -> CommandLine:
    """Runs `faceswap` with these arguments, in a program of its own, to its end.

    Args:
        *arguments: Words of the command line; paths may be paths.

    Returns:
        What it said, which a notebook shows.

    Raises:
        ImportError: If IPython is missing.
    """
    ipython_display()
    words = tuple(map(str, arguments))
    done = subprocess.run([sys.executable, "-c", _PROGRAM, *words], capture_output=True, text=True, check=False)
    return CommandLine(arguments=words, text=done.stdout + done.stderr, exit_code=done.returncode)
