"""Random damage to signed swaps and sidecars: never a traceback, and never "made here" for other pictures or words."""

import json
import random

import numpy as np
import pytest

from faceswap_lib.errors import FaceswapError, VideoError
from faceswap_lib.provenance.provenance import verify, write_provenance
from faceswap_lib.provenance.sidecar import sidecar_path
from tests.swaps import decoded, make_facts, make_inputs, write_kind

EXTREMES = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"{", b"[", b'"', b"\\u0000", b"9" * 9)


pytestmark = pytest.mark.usefixtures("home")


def damage(content: bytes, dice: random.Random) -> bytes:
    """Flips, sets, removes, adds and overwrites bytes."""
    data = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 8, 64))):
        at = dice.randrange(len(data))
        kind = dice.randrange(5)
        if kind == 0:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data[at] = dice.choice((0, 127, 128, 255))
        elif kind == 2 and len(data) > 80:
            del data[at : at + dice.randrange(1, 40)]
        elif kind == 3:
            data[at:at] = dice.randbytes(dice.randrange(1, 20))
        else:
            extreme = dice.choice(EXTREMES)
            data[at : at + len(extreme)] = extreme
    return bytes(data)


rounds = pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.nightly)])


@rounds
def test_damaged_files_are_never_taken_for_others_of_ours(tmp_path, count):
    pytest.importorskip("c2pa")
    inputs = make_inputs(tmp_path)
    signed = {}
    for suffix in ("mp4", "mov", "png", "jpg", "gif"):
        path = write_kind(tmp_path / f"swap.{suffix}", inputs[0])
        write_provenance(path, make_facts(inputs))
        signed[path] = (path.read_bytes(), decoded(path)[0], verify(path).facts)
    dice, refused = random.Random(7), 0
    for _ in range(count):
        path = dice.choice(list(signed))
        content, pictures, facts = signed[path]
        path.write_bytes(damage(content, dice))
        try:
            verdict = verify(path)
        except FaceswapError:
            refused += 1
            continue
        refused += not verdict.ours
        if verdict.ours:
            assert verdict.facts == facts
            try:
                found = decoded(path)[0]
            except VideoError:  # the credentials' own frame is damaged, which a decoder takes exception to
                continue
            assert len(found) == len(pictures) and all(map(np.array_equal, found, pictures))
    assert refused > 0.9 * count


@rounds
def test_damaged_sidecars_never_say_other_words_as_ours(tmp_path, count):
    inputs = make_inputs(tmp_path)
    path = tmp_path / "swap.mkv"
    path.write_bytes(b"\x1aE\xdf\xa3" + bytes(500))
    write_provenance(path, make_facts(inputs))
    content, facts = sidecar_path(path).read_bytes(), verify(path).facts
    dice, refused = random.Random(11), 0
    for _ in range(count):
        sidecar_path(path).write_bytes(damage(content, dice))
        verdict = verify(path)
        refused += not verdict.ours
        if verdict.ours:
            assert verdict.facts == facts
            assert json.loads(sidecar_path(path).read_text(encoding="utf-8"))["facts"] == facts
    assert refused > 0.9 * count
