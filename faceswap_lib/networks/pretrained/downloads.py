"""Fetching one file over https, of limited size and time, whole or not at all."""

import http.client
import time
import typing
import urllib.error
import urllib.parse
import urllib.request

from faceswap_lib.errors import InputError

SCHEMES = ("https",)
"""How a file may come, also after the server has sent us elsewhere."""

PATIENCE = 20.0
"""Seconds without a byte after which fetching is given up."""

DEADLINE = 3600.0
"""Seconds after which it is given up, however slowly bytes still come."""

BLOCK = 1 << 18


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Goes elsewhere only by a scheme that is allowed."""

    def redirect_request(self, request, answer, *arguments):
        try:
            _check_scheme(arguments[-1])
        except InputError:
            answer.close()
            raise
        return super().redirect_request(request, answer, *arguments)


def download(url: str, file: typing.BinaryIO, most: int) -> int:
    """Fetches a file; asks nobody anything else, and sends nothing but the request.

    Args:
        url: Where from.
        file: Where to.
        most: Bytes above which it is given up.

    Returns:
        How many bytes came.

    Raises:
        InputError: If the address is none that is allowed.
        OSError: If nobody answers, the answer is an error, too long, too slow, or ends too early.
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
                    raise OSError(f"more than the {most:,} bytes that it may have came")
                if time.monotonic() > end:
                    raise OSError(f"it took more than {DEADLINE:.0f} seconds; {got:,} bytes came")
                file.write(block)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise
    except http.client.HTTPException as error:
        raise OSError(f"the server's answer is cut short or none ({error})") from error
    if expected is not None and got != expected:
        raise OSError(f"expected {expected:,} bytes, got {got:,}")
    return got


def _expected_length(answer, most: int) -> int | None:
    text = answer.headers.get("Content-Length")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise OSError(f"the server states the length {text!r:.40}")
    if int(text) > most:
        raise OSError(f"it has {int(text):,} bytes, more than the {most:,} that it may have")
    return int(text)


def _check_scheme(url: str) -> None:
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise InputError(f"expected an address that begins with {', '.join(SCHEMES)}, got {url!r:.200}")


def describe_trouble(error: OSError) -> str:
    """Says in words what went wrong."""
    reason = getattr(error, "reason", None)  # urllib wraps what the socket said
    return " ".join(str(reason if isinstance(reason, Exception) else error).split())[:300]
