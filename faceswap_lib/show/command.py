"""The command `faceswap`, run from a notebook and shown as in a terminal."""

import html
import shlex
import subprocess
import sys
import typing

from faceswap_lib.show.notebook import ipython_display

_PROGRAM = "import sys; from faceswap_lib.cli import main; sys.exit(main())"


class CommandLine(typing.NamedTuple):
    """Output of a command.

    Attributes:
        arguments: Arguments after `faceswap`.
        text: Standard output followed by standard error.
        exit_code: 0 for success, 1 if the work failed, 2 for wrong usage or invalid input.
    """

    arguments: tuple[str, ...]
    text: str
    exit_code: int

    def _repr_html_(self) -> str:
        command = html.escape(f"$ faceswap {shlex.join(self.arguments)}")
        output = html.escape(self.text.strip())
        return f"<pre><b>{command}</b>\n{output}\n<i>exit code {self.exit_code}</i></pre>"


def show_command(*arguments: object) -> CommandLine:
    """Runs `faceswap` with these arguments in a separate process and waits until it ends.

    Args:
        *arguments: Arguments of the command line; they are converted to strings.

    Returns:
        The output, which a notebook shows.

    Raises:
        ImportError: If IPython is missing.
    """
    ipython_display()
    words = tuple(map(str, arguments))
    done = subprocess.run([sys.executable, "-c", _PROGRAM, *words], capture_output=True, text=True, check=False)
    return CommandLine(arguments=words, text=done.stdout + done.stderr, exit_code=done.returncode)
