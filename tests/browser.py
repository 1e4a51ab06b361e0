"""Headless Chromium, driven over a pipe with its own protocol, and a folder that is served to it."""

import base64
import contextlib
import functools
import http.server
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import threading
import typing

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost"
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


def find_chromium() -> str:
    """Returns the path of Chromium; skips the test where there is none."""
    if os.name == "nt":
        pytest.skip("the pipe to Chromium needs file descriptors of Unix")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium")
    return path


class Chromium:
    """A browser without a network, with one page.

    Args:
        folder: Folder of its profile.
        width: Width of the page in pixels.
        height: Height of the page in pixels.
    """

    def __init__(self, folder: pathlib.Path, *, width: int = 1280, height: int = 900):
        to_read, from_us = os.pipe()
        to_us, to_write = os.pipe()
        command = [find_chromium(), "--headless", "--no-sandbox", "--disable-gpu", *QUIET, NO_NETWORK]
        command += [f"--user-data-dir={folder}", f"--window-size={width},{height}", "--remote-debugging-pipe"]
        # Chromium reads from descriptor 3 and writes to descriptor 4.
        shell = 'exec 3<&"$0" 4>&"$1"; shift; exec "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, str(to_read), str(to_write), *command],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._from_us, self._to_us = os.fdopen(from_us, "wb"), os.fdopen(to_us, "rb")
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self._rest = b""
        self.requested: list[str] = []
        """Addresses that the page asked for."""
        [page] = [it for it in self.call("Target.getTargets")["targetInfos"] if it["type"] == "page"]
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        self.call("Network.enable")
        self.call("Page.enable")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)

    def call(self, method: str, **parameters: typing.Any) -> dict:
        """Calls a method of the protocol and returns its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._from_us.write(json.dumps(message).encode() + b"\0")
        self._from_us.flush()
        while True:
            said = self._read()
            if said.get("method") == "Network.requestWillBeSent":
                self.requested.append(said["params"]["request"]["url"])
            if said.get("id") == number:
                if "error" in said:
                    raise RuntimeError(f"{method}: {said['error']}")
                return said["result"]

    def _read(self) -> dict:
        while b"\0" not in self._rest:
            piece = os.read(self._to_us.fileno(), 1 << 20)
            if not piece:
                raise RuntimeError("Chromium ended")
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def evaluate(self, expression: str, *, seconds: float = 120) -> typing.Any:
        """Evaluates JavaScript in the page; waits if the result is a promise."""
        parameters = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        result = self.call("Runtime.evaluate", **parameters, timeout=seconds * 1000)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"])[:2000])
        return result["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float = 120) -> None:
        """Waits until a JavaScript expression is true.

        Raises:
            TimeoutError: If it is not, in that time.
        """
        loop = (
            f"(async () => {{ for (let i = 0; i < {seconds * 10}; i++) {{ if ({expression}) return true; "
            "await new Promise((done) => setTimeout(done, 100)); } return false; })()"
        )
        if not self.evaluate(loop, seconds=seconds + 10):
            raise TimeoutError(f"not true in {seconds} s: {expression}")

    def open(self, address: str) -> None:
        """Opens a page and waits until it is loaded."""
        self.call("Page.navigate", url=address)
        self.wait_for(f"location.href.startsWith({address!r}) && document.readyState === 'complete'", seconds=60)

    def save_picture(self, path: pathlib.Path) -> None:
        """Writes a picture of what the window shows."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the browser."""
        with contextlib.suppress(OSError, RuntimeError):
            self._session = None
            self.call("Browser.close")
        self._process.terminate()
        self._process.wait(timeout=30)
        self._from_us.close()
        self._to_us.close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):  # noqa: A002  (a name of the base class)
        """Prints nothing."""


@contextlib.contextmanager
def serve(folder: pathlib.Path) -> typing.Iterator[str]:
    """Serves a folder on this machine, as `python -m http.server` does; gives its address."""
    server = http.server.ThreadingHTTPServer(("localhost", 0), functools.partial(_Quiet, directory=str(folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
