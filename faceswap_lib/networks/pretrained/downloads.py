"""Downloads a single file over HTTPS with limits on size and time; an incomplete file is an error."""

import http.client
import time
import typing
import urllib.error
import urllib.parse
import urllib.request

from faceswap_lib.errors import InputError

SCHEMES = ("https",)
"""Allowed URL schemes, including those of redirects."""

PATIENCE = 20.0
"""Seconds without data after which the download is aborted."""

DEADLINE = 3600.0
"""Maximum duration of a download in seconds."""

BLOCK = 1 << 18


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Handler that follows redirects only to URLs with an allowed scheme."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        try:
            _check_scheme(newurl)
        except InputError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str, file: typing.BinaryIO, most: int) -> int:
    """Downloads a file; contacts no other server and sends no other data.

    Args:
        url: The URL of the file.
        file: Where the data are written.
        most: Maximum size in bytes; a larger download is aborted.

    Returns:
        The number of bytes received.

    Raises:
        InputError: If the scheme of the URL is not allowed.
        OSError: If the server does not respond or returns an error, or if the response is too long, too slow, or
            incomplete.
    """
    _check_scheme(url)
    opener = urllib.request.build_opener(_CheckedRedirects)
    end = time.monotonic() + DEADLINE
    try:
        with opener.open(url, timeout=PATIENCE) as answer:
            expected = _expected_length(answer, most)
            got = 0
            while block := answer.read(BLOCK):
                got += len(block)
                if got > most:
                    raise OSError(f"the server sent more than the allowed {most:,} bytes")
                if time.monotonic() > end:
                    raise OSError(f"it took more than {DEADLINE:.0f} seconds; {got:,} bytes were received")
                file.write(block)
    except urllib.error.HTTPError as error:
        error.close()  # closes the connection
        raise
    except http.client.HTTPException as error:
        raise OSError(f"the server's response is incomplete or invalid ({error})") from error
    if expected is not None and got != expected:
        raise OSError(f"expected {expected:,} bytes, got {got:,}")
    return got


def _expected_length(answer, most: int) -> int | None:
    text = answer.headers.get("Content-Length")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise OSError(f"the server sent an invalid Content-Length: {text!r:.40}")
    if int(text) > most:
        raise OSError(f"it has {int(text):,} bytes, more than the allowed {most:,}")
    return int(text)


def _check_scheme(url: str) -> None:
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise InputError(f"expected a URL that begins with {', '.join(SCHEMES)}, got {url!r:.200}")


def describe_trouble(error: OSError) -> str:
    """Formats a download error as one line of at most 300 characters."""
    reason = getattr(error, "reason", None)  # urllib wraps the error of the socket
    return " ".join(str(reason if isinstance(reason, Exception) else error).split())[:300]
