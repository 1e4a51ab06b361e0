"""Check of the exercise about provenance: it says "right", or what is off in one line, and does not raise."""

import hashlib
import json
from collections.abc import Callable

from faceswap_lib.course.checks import MISTAKES, RIGHT, report_errors

Verifier = Callable[[bytes, bytes | None, bytes, Callable[[bytes, bytes], bool]], str]
"""Maps content, claim, signature and `signature_fits(claim, signature)` to the state of a file."""


@report_errors
def check_verifier(verify: Verifier) -> str:
    """Checks a verifier of signed claims about a file.

    Args:
        verify: Called with the bytes of a file, a claim (JSON with the SHA-256 of the content in hexadecimal, or None),
            a signature, and a function that says whether a signature was made for a claim. Returns "intact", "altered"
            or "no credentials".

    Returns:
        "right", or what is off.
    """
    content, changed = b"frames and sound" * 50, b"frames and sound" * 49 + b"Frames and sound"
    claim, rewritten = _claim(content), _claim(changed)
    signature = _sign(claim)
    cases = (
        ("an honest file", content, claim, signature, "intact"),
        ("a file without a claim", content, None, b"", "no credentials"),
        ("a file whose content was changed: hash the content", changed, claim, signature, "altered"),
        (
            "a file whose content and claim were changed: check the signature of the claim",
            changed,
            rewritten,
            signature,
            "altered",
        ),
        (
            "a claim with another order of its entries, which nobody signed: check the signature of the claim",
            content,
            json.dumps({"sha256": _digest(content), "tool": "faceswap"}, indent=1).encode(),
            signature,
            "altered",
        ),
    )
    for name, bytes_of_file, text, signed, wanted in cases:
        try:
            found = verify(bytes_of_file, text, signed, _signature_fits)
        except MISTAKES as error:
            return f"{name}: your code stops with {type(error).__name__}: {error}"
        if found != wanted:
            return f"{name}: expected {wanted!r}, got {found!r}"
    return RIGHT


def _claim(content: bytes) -> bytes:
    return json.dumps({"tool": "faceswap", "sha256": _digest(content)}).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sign(claim: bytes) -> bytes:
    """Stands in for a real signature, which needs a key pair."""
    return hashlib.sha256(b"a key that nobody else knows" + claim).digest()


def _signature_fits(claim: bytes, signature: bytes) -> bool:
    return isinstance(claim, bytes) and signature == _sign(claim)
