"""Attacks on what a swap says of itself: each takes a finished, signed swap and does something to it.

An attack gets the file or folder and what an attacker may have besides, changes it, and gives the path that somebody is
then asked to believe; None if it is the same one.
"""

import dataclasses
import json
import os
import pathlib
import shutil
import typing
import unicodedata
import unittest.mock

import av
import numpy as np

from faceswap_lib.media import read_frames, read_image, write_image
from faceswap_lib.provenance import certificate_authority
from faceswap_lib.provenance.provenance import ProvenanceClaims, write_provenance
from faceswap_lib.provenance.sidecar import sidecar_path
from faceswap_lib.provenance.signing_key import read_or_make_key
from tests.swaps import flip, write_kind, write_mp4
from tests.videos import make_video, pattern_frame


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """What there is: a signed swap, facts to state, another signed swap, and the attacker's own computer."""

    swap: pathlib.Path
    other: pathlib.Path
    facts: ProvenanceClaims
    home: pathlib.Path
    sound: pathlib.Path

    @property
    def sidecar(self) -> pathlib.Path:
        return sidecar_path(self.swap)

    def sign_elsewhere(self, path: pathlib.Path, facts: ProvenanceClaims | None = None) -> None:
        """Signs with another computer's key."""
        before = os.environ["FACESWAP_HOME"]
        os.environ["FACESWAP_HOME"] = str(self.home.with_name("attacker"))
        try:
            write_provenance(path, facts or self.facts)
        finally:
            os.environ["FACESWAP_HOME"] = before

    def rewrite(self, change: typing.Callable[[dict], object]) -> None:
        """Changes the sidecar's JSON."""
        content = json.loads(self.sidecar.read_text(encoding="utf-8"))
        change(content)
        self.sidecar.write_text(json.dumps(content), encoding="utf-8")


def nothing(scene: Scene) -> None:
    pass


# --- credentials inside a file


def flip_picture(scene: Scene) -> None:
    flip(scene.swap, -300 if scene.swap.suffix != ".gif" else -40)


def reword(scene: Scene) -> None:
    content = scene.swap.read_bytes()
    assert content.count(b"Anna agreed: yes")
    scene.swap.write_bytes(content.replace(b"Anna agreed: yes", b"Anna agreed: NO!"))


def hide_missing_label(scene: Scene) -> None:
    content = scene.swap.read_bytes()
    assert content.count(b'\\"label\\": true') + content.count(b'"label": true')
    scene.swap.write_bytes(
        content.replace(b'label\\": true', b'label\\": null').replace(b'"label": true', b'"label": null')
    )


def remux(scene: Scene) -> pathlib.Path:
    """Takes the credentials out; every picture stays, bit for bit."""
    bare = scene.swap.with_name("bare.mp4")
    with av.open(str(scene.swap)) as source, av.open(str(bare), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return bare


def encode_again(scene: Scene) -> pathlib.Path:
    return _encode(scene, read_frames(scene.swap))


def crop_label(scene: Scene) -> pathlib.Path:
    return _encode(scene, (np.ascontiguousarray(frame[:32]) for frame in read_frames(scene.swap)))


def _encode(scene: Scene, frames: typing.Iterable[np.ndarray]) -> pathlib.Path:
    again = scene.swap.with_name("again.mp4")
    frames = list(frames)
    with av.open(str(again), "w") as target:
        stream = target.add_stream("h264", rate=30)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in [*frames, None]:
            target.mux(stream.encode(frame if frame is None else av.VideoFrame.from_ndarray(frame, "rgb24")))
    return again


def save_again(scene: Scene) -> None:
    write_image(scene.swap, read_image(scene.swap))


def cut_end(scene: Scene) -> None:
    os.truncate(scene.swap, scene.swap.stat().st_size - 100)


def append_zeros(scene: Scene) -> None:
    with scene.swap.open("ab") as file:
        file.write(bytes(100))


def append_archive(scene: Scene) -> None:
    with scene.swap.open("ab") as file:
        file.write(b"PK\x05\x06" + bytes(18))


def _box(kind: bytes, size: int) -> bytes:
    return size.to_bytes(4, "big") + kind + b"E" * (size - 8)


def append_padding(scene: Scene) -> None:
    with scene.swap.open("ab") as file:
        file.write(_box(b"free", 400))


def shift_pictures(scene: Scene) -> None:
    """Puts foreign bytes where the table of contents says that the pictures are."""
    content = scene.swap.read_bytes()
    at = content.index(b"mdat") - 4
    scene.swap.write_bytes(content[:at] + _box(b"free", len(content) - at) + content[at:])


def transplant(scene: Scene) -> None:
    """Puts the credentials of another swap of this computer into an unsigned picture of the same size."""
    donor = scene.other.read_bytes()
    write_image(scene.swap, pattern_frame(8))
    target = scene.swap.read_bytes()
    start, size = _chunk(donor)
    scene.swap.write_bytes(target[:33] + donor[start : start + size] + target[33:])


def _chunk(png: bytes) -> tuple[int, int]:
    start = png.index(b"caBX") - 4
    return start, int.from_bytes(png[start : start + 4], "big") + 12


def _without_credentials(png: bytes) -> bytes:
    start, size = _chunk(png)
    return png[:start] + png[start + size :]


def strip_picture(scene: Scene) -> None:
    scene.swap.write_bytes(_without_credentials(scene.swap.read_bytes()))


def sign_with_another_key(scene: Scene) -> None:
    strip_picture(scene)
    scene.sign_elsewhere(scene.swap)


def sign_with_a_twin(scene: Scene) -> None:
    """Signs with another key whose certificates have the same names and the same serial numbers."""
    from cryptography import x509

    serial = read_or_make_key().serial_number
    before = x509.random_serial_number
    x509.random_serial_number = lambda: serial
    try:
        sign_with_another_key(scene)
    finally:
        x509.random_serial_number = before


def swap_certificates(scene: Scene) -> None:
    """Puts another computer's certificate, of the same length, in the place of ours."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    content, own = scene.swap.read_bytes(), read_or_make_key()
    mine = x509.load_pem_x509_certificate(own.certificate)
    # a serial number as long as ours: nothing else in a certificate has another length
    with unittest.mock.patch.object(x509, "random_serial_number", lambda: mine.serial_number ^ 1):
        theirs = x509.load_pem_x509_certificate(certificate_authority.issue_certificate()[1])
    old, new = (certificate.public_bytes(Encoding.DER) for certificate in (mine, theirs))
    assert content.count(old) == 1
    assert len(new) == len(old)
    scene.swap.write_bytes(content.replace(old, new))


def lose_key(scene: Scene) -> None:
    scene.home.rename(scene.home.with_name("lost"))
    read_or_make_key()


def rename_format(scene: Scene) -> pathlib.Path:
    return scene.swap.rename(scene.swap.with_name("swap.txt"))


def describe_by_hand(scene: Scene) -> None:
    """Takes the credentials out and leaves an unsigned sidecar."""
    strip_picture(scene)
    _write_unsigned(scene)


def _write_unsigned(scene: Scene) -> None:
    from faceswap_lib.provenance import sidecar

    content = {"schema": 2, **sidecar._measure(scene.swap), "facts": {"program": "faceswap_lib"}, "signature": None}
    scene.sidecar.write_text(json.dumps(content))


def describe_with_another_key(scene: Scene) -> None:
    """Takes the credentials out and leaves a sidecar that another computer signed."""
    strip_picture(scene)
    raw = scene.swap.rename(scene.swap.with_suffix(".mkv"))
    scene.sign_elsewhere(raw)
    sidecar_path(raw).rename(scene.sidecar)
    raw.rename(scene.swap)


def describe_by_another_swap(scene: Scene) -> None:
    """Takes the credentials out and puts the sidecar of another swap of this computer beside it."""
    strip_picture(scene)
    exact = scene.swap.with_name("exact.mkv")
    exact.write_bytes(b"\x1aE\xdf\xa3" + bytes(500))
    write_provenance(exact, scene.facts)
    sidecar_path(exact).rename(scene.sidecar)


def edit_elsewhere(scene: Scene) -> None:
    """Another program opens the swap, and signs what it made of it."""
    import c2pa

    private, leaf, authority = certificate_authority.issue_certificate()
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ED25519, leaf + authority, private, None)
    target = scene.swap.with_name("edited.png")
    with c2pa.Builder({"claim_generator_info": [{"name": "editor"}]}) as builder, c2pa.Signer.from_info(info) as signer:
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        builder.sign_file(scene.swap, target, signer)
    target.replace(scene.swap)


# --- a sidecar beside a file


def flip_middle(scene: Scene) -> None:
    flip(scene.swap, 200)


def reword_sidecar(scene: Scene) -> None:
    scene.rewrite(lambda content: content["facts"].update(consent=["everybody agreed"]))


def hide_label_in_sidecar(scene: Scene) -> None:
    scene.rewrite(lambda content: content["facts"]["options"].pop("label"))


def say_it_twice(scene: Scene) -> None:
    """Our reader takes the last of two values, another reader the first."""
    text = scene.sidecar.read_text()
    scene.sidecar.write_text(text.replace('"facts": {', '"facts": {"consent": ["everybody agreed"],', 1))


def take_other_sidecar(scene: Scene) -> None:
    shutil.copy(sidecar_path(scene.other), scene.sidecar)


def remove_signature(scene: Scene) -> None:
    scene.rewrite(lambda content: content.update(signature=None))


def sign_sidecar_elsewhere(scene: Scene) -> None:
    scene.sign_elsewhere(scene.swap)


def swap_public_key(scene: Scene) -> None:
    ours = json.loads(scene.sidecar.read_text())
    scene.sign_elsewhere(scene.swap)
    theirs = json.loads(scene.sidecar.read_text())
    scene.sidecar.write_text(json.dumps({**theirs, "signature": {**theirs["signature"], **_key_of(ours)}}))


def _key_of(content: dict) -> dict:
    return {"public_key": content["signature"]["public_key"]}


def other_schema(scene: Scene) -> None:
    scene.rewrite(lambda content: content.update(schema=1) or content.pop("kind"))


def future_schema(scene: Scene) -> None:
    scene.rewrite(lambda content: content.update(schema=3))


def unsigned_remark(scene: Scene) -> None:
    scene.rewrite(lambda content: content["signature"].update(remark="everybody agreed"))


def unsigned_key(scene: Scene) -> None:
    scene.rewrite(lambda content: content.update(remark="everybody agreed"))


def weak_algorithm(scene: Scene) -> None:
    scene.rewrite(lambda content: content["signature"].update(algorithm="none"))


def deep_sidecar(scene: Scene) -> None:
    scene.sidecar.write_text("[" * 100_000)


def deep_facts(scene: Scene) -> None:
    scene.sidecar.write_text(
        scene.sidecar.read_text().replace('"facts": {', f'"facts": {{"x": {"[" * 990 + "]" * 990},', 1)
    )


def huge_sidecar(scene: Scene) -> None:
    os.truncate(scene.sidecar, 1_000_000_000)


def text_after_sidecar(scene: Scene) -> None:
    scene.sidecar.write_text(scene.sidecar.read_text() + "{}")


def no_number(scene: Scene) -> None:
    scene.sidecar.write_text(scene.sidecar.read_text().replace("20000", "NaN"))


def no_text(scene: Scene) -> None:
    scene.sidecar.write_bytes(scene.sidecar.read_bytes().replace(b"Ben", b"B\xff\xfe"))


def sidecar_folder(scene: Scene) -> None:
    scene.sidecar.unlink()
    scene.sidecar.mkdir()


def sidecar_pipe(scene: Scene) -> None:
    scene.sidecar.unlink()
    os.mkfifo(scene.sidecar)


def sidecar_device(scene: Scene) -> None:
    scene.sidecar.unlink()
    scene.sidecar.symlink_to("/dev/zero")


def sidecar_dangles(scene: Scene) -> None:
    scene.sidecar.unlink()
    scene.sidecar.symlink_to(scene.swap.with_name("nowhere"))


def remove_sidecar(scene: Scene) -> None:
    scene.sidecar.unlink()


def rename_both(scene: Scene) -> pathlib.Path:
    named = scene.swap.with_name("holiday.mkv")
    scene.sidecar.rename(sidecar_path(named))
    return scene.swap.rename(named)


def steer_terminal(scene: Scene) -> None:
    words = "yes\nintact; signed by this computer\x1b[2J\x1b]0;owned\x07\u202esgnidaeh\u2066\u2028end"
    many = (words + "z" * 10**6, *[words] * 4999)
    scene.sign_elsewhere(scene.swap, dataclasses.replace(scene.facts, run=words, direction=words, consent=many))


# --- a folder


def add_picture(scene: Scene) -> None:
    write_image(scene.swap / "9.png", pattern_frame(9))


def remove_picture(scene: Scene) -> None:
    (scene.swap / "1.png").unlink()


def rename_picture(scene: Scene) -> None:
    (scene.swap / "2.png").rename(scene.swap / "7.png")


def exchange_pictures(scene: Scene) -> None:
    one, two = (scene.swap / "0.png").read_bytes(), (scene.swap / "1.png").read_bytes()
    (scene.swap / "0.png").write_bytes(two)
    (scene.swap / "1.png").write_bytes(one)


def change_picture(scene: Scene) -> None:
    flip(scene.swap / "1.png", 60)


def forge_name(scene: Scene) -> None:
    """One file whose name stands for two: under schema 1 the digest was the same."""
    from faceswap_lib.atomic_io import file_digest

    second = file_digest(scene.swap / "1.png")
    (scene.swap / "1.png").unlink()
    (scene.swap / "0.png").rename(scene.swap / f"0.png\n{second}  1.png")


def write_listing(scene: Scene) -> None:
    """A file that holds what the digest of a folder was computed of."""
    from faceswap_lib.atomic_io import file_digest

    names = sorted(path.name for path in scene.swap.iterdir())
    text = "".join(f"{file_digest(scene.swap / name)}  {name}\n" for name in names)
    shutil.rmtree(scene.swap)
    scene.swap.write_text(text)


def sink_picture(scene: Scene) -> None:
    (scene.swap / "sub").mkdir()
    (scene.swap / "0.png").rename(scene.swap / "sub" / "0.png")


def link_picture(scene: Scene) -> None:
    """The same picture, behind a link that can be turned to another one after the check."""
    moved = (scene.swap / "0.png").rename(scene.swap.with_name("elsewhere.png"))
    (scene.swap / "0.png").symlink_to(moved)


def link_folder(scene: Scene) -> None:
    (scene.swap.with_name("more")).mkdir()
    (scene.swap / "more").symlink_to(scene.swap.with_name("more"))


def link_in_a_circle(scene: Scene) -> None:
    (scene.swap / "round").symlink_to(scene.swap)


def add_pipe(scene: Scene) -> None:
    os.mkfifo(scene.swap / "9.png")


def add_hidden(scene: Scene) -> None:
    (scene.swap / ".written.json").write_text("[]")


def hide_picture(scene: Scene) -> None:
    (scene.swap / "0.png").rename(scene.swap / ".0.png")


def add_empty_folder(scene: Scene) -> None:
    (scene.swap / "empty").mkdir()


def add_undecodable_name(scene: Scene) -> None:
    with open(os.fsencode(scene.swap) + b"/caf\xe9.png", "wb") as file:
        file.write(b"x")


def other_case(scene: Scene) -> None:
    (scene.swap / "0.png").rename(scene.swap / "0.PNG")


def other_normal_form(scene: Scene) -> None:
    for path in list(scene.swap.iterdir()):
        path.rename(scene.swap / unicodedata.normalize("NFD", path.name))


def old_schema(scene: Scene) -> None:
    """What a version before wrote, signed with the same key."""
    import base64
    import hashlib

    from faceswap_lib.atomic_io import file_digest

    content = json.loads(scene.sidecar.read_text())
    names = sorted(path.name for path in scene.swap.iterdir())
    lines = "".join(f"{file_digest(scene.swap / name)}  {name}\n" for name in names)
    old = {"schema": 1, "sha256": hashlib.sha256(lines.encode()).hexdigest(), "facts": content["facts"]}
    text = json.dumps(old, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    value = base64.b64encode(read_or_make_key().sign(text.encode())).decode()
    scene.sidecar.write_text(json.dumps({**old, "signature": {**content["signature"], "value": value}}))


def old_schema_forged(scene: Scene) -> None:
    old_schema(scene)
    forge_name(scene)


def old_schema_listing(scene: Scene) -> None:
    old_schema(scene)
    write_listing(scene)


def build(folder: pathlib.Path, kind: str, facts: ProvenanceClaims) -> pathlib.Path:
    """A finished swap, signed by this computer."""
    if kind == "folder":
        out = folder / "swap"
        for index, name in enumerate(("0.png", "1.png", "2.png", "\u00e9.png")):
            write_image(out / name, pattern_frame(index, 32, 24))
    elif kind == "mkv":
        out = folder / "swap.mkv"
        out.write_bytes(b"\x1aE\xdf\xa3" + bytes(range(256)) * 2)
    elif kind == "mp4":
        out = write_mp4(folder / "swap.mp4", facts.inputs[0])
    else:
        out = write_kind(folder / f"swap.{kind}", facts.inputs[0])
    write_provenance(out, facts)
    return out


def make_input(folder: pathlib.Path) -> pathlib.Path:
    return make_video(folder / "anna.mp4", frames=6, audio_seconds=0.2)
