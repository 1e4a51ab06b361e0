"""Content Credentials: written into a swap, read back, and found out when the file was altered."""

import hashlib
import json

import av
import numpy as np
import pytest

from faceswap_lib import __version__
from faceswap_lib.errors import FaceswapError
from faceswap_lib.media import write_image
from faceswap_lib.provenance import signing_key
from faceswap_lib.provenance.provenance import ProvenanceClaims, verify, write_provenance
from tests.swaps import another_computer, check_facts, decoded, flip, write_kind, write_mp4
from tests.videos import pattern_frame

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def c2pa():
    return pytest.importorskip("c2pa")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".png", ".jpg", ".gif"])
def test_every_fact_comes_back_and_no_picture_or_sound_changes(tmp_path, inputs, facts, suffix):
    out = write_kind(tmp_path / f"swap{suffix}", inputs[0])
    pictures, sound = decoded(out)
    written = write_provenance(out, facts)
    assert (written.sidecar, written.signed) == (None, True)
    assert not list(tmp_path.glob("*.json")) and not list(tmp_path.glob(".*partial*"))
    verdict = verify(out)
    assert (verdict.ours, verdict.intact, verdict.summary[0]) == (True, True, "intact; signed by this computer")
    check_facts(dict(verdict.facts), facts, out.name)
    after, sound_after = decoded(out)
    assert len(after) == len(pictures) and all(map(np.array_equal, after, pictures))
    assert sound_after == sound and bool(sound) == (suffix in (".mp4", ".mov"))


def test_the_summary_says_what_a_person_wants_to_know(tmp_path, inputs, facts):
    out = write_mp4(tmp_path / "swap.mp4", inputs[0])
    write_provenance(out, facts)
    text = "\n".join(verify(out).summary)
    digest = hashlib.sha256(inputs[1].read_bytes()).hexdigest()[:16]
    for words in (
        f"faceswap_lib {__version__}",
        "default (6f1d)",
        "20000 steps",
        "a2b",
        "face changed in anna.mp4",
    ):
        assert words in text
    assert f"new face from ben.mov (sha256 {digest}...)" in text and "consent: Ben too" in text


def test_the_manifest_is_as_the_specification_asks(tmp_path, c2pa, inputs, facts):
    out = write_mp4(tmp_path / "swap.mp4", inputs[0])
    write_provenance(out, facts)
    with c2pa.Reader(str(out)) as reader:
        store = json.loads(reader.json())
    assert store["validation_state"] == "Valid"
    assert [status["code"] for status in store["validation_status"]] == ["signingCredential.untrusted"]
    (manifest,) = store["manifests"].values()
    assert manifest["claim_version"] == 2 and manifest["title"] == "swap.mp4"
    (generator,) = manifest["claim_generator_info"]
    assert (generator["name"], generator["version"]) == ("faceswap_lib", __version__)
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in inputs]
    assert [(i["title"], i["relationship"], i["instance_id"]) for i in manifest["ingredients"]] == [
        ("anna.mp4", "parentOf", f"sha256:{digests[0]}"),
        ("ben.mov", "inputTo", f"sha256:{digests[1]}"),
    ]
    assert not any("thumbnail" in ingredient for ingredient in manifest["ingredients"])
    assertions = {entry["label"]: entry["data"] for entry in manifest["assertions"]}
    opened, edited = assertions["c2pa.actions.v2"]["actions"]
    assert (opened["action"], edited["action"]) == ("c2pa.opened", "c2pa.edited")
    assert edited["digitalSourceType"].endswith("/digitalsourcetype/compositeWithTrainedAlgorithmicMedia")
    assert opened["parameters"]["ingredients"][0]["url"].endswith("c2pa.ingredient.v3")
    assert edited["parameters"]["ingredients"][0]["url"].endswith("c2pa.ingredient.v3__1")
    assert set(assertions) == {"c2pa.actions.v2", "org.faceswap-lib.swap", "c2pa.hash.bmff.v3"}


@pytest.mark.parametrize("suffix", [".mp4", ".png", ".jpg", ".gif"])
def test_one_flipped_bit_of_the_picture_is_found(tmp_path, inputs, facts, suffix):
    out = write_kind(tmp_path / f"swap{suffix}", inputs[0])
    plain = out.read_bytes()
    write_provenance(out, facts)
    chunk = plain[len(plain) // 2 :][:24]
    flip(out, out.read_bytes().index(chunk) + 12)
    verdict = verify(out)
    assert (verdict.ours, verdict.intact) == (False, False)
    assert verdict.summary[0].startswith("altered since it was signed (") and "ash.mismatch" in verdict.summary[0]


def test_no_changed_byte_of_the_credentials_changes_what_they_say(tmp_path, inputs, facts):
    out = write_kind(tmp_path / "swap.png", inputs[0])
    plain = out.stat().st_size
    write_provenance(out, facts)
    whole = out.read_bytes()
    start = whole.index(b"caBX") + 4
    size = int.from_bytes(whole[start - 8 : start - 4], "big")
    assert size > 3000 and len(whole) == plain + size + 12
    verdict = verify(out)
    assert verdict.ours
    for position in range(start, start + size, 61):
        flip(out, position)
        now = verify(out)  # padding may change, as nothing is said in it
        assert now == verdict or not (now.ours or now.intact), position
        out.write_bytes(whole)
    flip(out, whole.index(b"6f1d"))
    assert verify(out).summary[0] == "altered since it was signed (assertion.hashedURI.mismatch)"
    assert verify(out).facts["run_id"] == "&f1d"


def test_credentials_taken_out_leave_none(tmp_path, inputs, facts):
    out = write_mp4(tmp_path / "swap.mp4", inputs[0])
    write_provenance(out, facts)
    with av.open(str(out)) as source, av.open(str(tmp_path / "bare.mp4"), "w") as bare:
        stream = bare.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                bare.mux(packet)
    verdict = verify(tmp_path / "bare.mp4")
    assert (verdict.ours, verdict.intact, verdict.facts) == (False, False, {})
    assert verdict.summary[0] == "no credentials"


def test_another_computer_sees_that_it_is_intact_and_does_not_know_whose(tmp_path, home, inputs, facts):
    out = write_mp4(tmp_path / "swap.mp4", inputs[0])
    write_provenance(out, facts)
    another_computer(home)
    for has_key in (False, True):
        verdict = verify(out)
        assert (verdict.ours, verdict.intact) == (False, True)
        assert verdict.summary[0] == "intact; signed by an unknown computer"
        check_facts(dict(verdict.facts), facts, "swap.mp4")
        assert (home / "signing-key.pem").exists() == has_key
        signing_key.read_or_make_key()  # a key of its own, of the same names, changes nothing


def test_a_swap_of_a_swap_keeps_the_first_ones_credentials(tmp_path, c2pa, inputs, facts):
    first = write_mp4(tmp_path / "first.mp4", inputs[0])
    write_provenance(first, facts)
    second = write_mp4(tmp_path / "second.mp4", inputs[0])
    write_provenance(second, ProvenanceClaims(**{**vars(facts), "inputs": (first, inputs[1]), "steps": 7}))
    verdict = verify(second)
    assert verdict.ours and verdict.facts["steps"] == 7
    with c2pa.Reader(str(second)) as reader:
        manifests = json.loads(reader.json())["manifests"]
    titles = {manifest["title"] for manifest in manifests.values()}
    assert titles == {"first.mp4", "second.mp4"}


def test_credentials_of_another_program_are_not_ours(tmp_path, c2pa, inputs, facts):
    first = write_kind(tmp_path / "first.png", inputs[0])
    write_provenance(first, facts)
    key = signing_key.read_or_make_key()
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ED25519, key.certificate, key.private_key, None)
    manifest = {"claim_generator_info": [{"name": "other\nintact; signed by this computer", "version": "1"}]}
    with c2pa.Builder(manifest) as builder, c2pa.Signer.from_info(info) as signer:
        builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
        builder.sign_file(first, tmp_path / "second.png", signer)
    verdict = verify(tmp_path / "second.png")
    assert (verdict.ours, verdict.intact, verdict.facts) == (False, True, {})
    text = "\n".join(verdict.summary)
    assert "credentials of another program: other intact; signed by this computer 1" in text
    assert "made from a file that was:\n  a face swap by faceswap_lib" in text


def test_a_camera_has_no_file_to_open(tmp_path, c2pa, inputs, facts):
    out = write_kind(tmp_path / "swap.jpg", inputs[0])
    write_provenance(out, ProvenanceClaims(**{**vars(facts), "inputs": ()}))
    assert verify(out).ours and verify(out).facts["inputs"] == []
    with c2pa.Reader(str(out)) as reader:
        (manifest,) = json.loads(reader.json())["manifests"].values()
    (created,) = manifest["assertions"][0]["data"]["actions"]
    assert created["action"] == "c2pa.created" and "compositeWithTrained" in created["digitalSourceType"]


def test_inputs_of_any_kind_are_named_by_their_hash(tmp_path, inputs, facts, caplog):
    stills = tmp_path / "stills"
    write_image(stills / "b.png", pattern_frame(1))
    write_image(stills / "a.png", pattern_frame(2))
    (tmp_path / "raw.mkv").write_bytes(b"no container that c2pa knows")
    (tmp_path / "odd.mp4").write_bytes(b"nor this one")
    out = write_kind(tmp_path / "swap.png", inputs[0])
    given = (stills, tmp_path / "raw.mkv", tmp_path / "odd.mp4")
    write_provenance(out, ProvenanceClaims(**{**vars(facts), "inputs": given}))
    assert verify(out).ours
    framed = b"faceswap_lib folder 2\n" + (2).to_bytes(8, "big")
    for name in ("a.png", "b.png"):
        framed += (5).to_bytes(8, "big") + name.encode() + hashlib.sha256((stills / name).read_bytes()).digest()
    digests = [hashlib.sha256(framed).hexdigest()]
    digests += [hashlib.sha256(path.read_bytes()).hexdigest() for path in given[1:]]
    assert [entry["sha256"] for entry in verify(out).facts["inputs"]] == digests
    assert [record.levelname for record in caplog.records if "odd.mp4" in record.message] == ["WARNING"]


def test_a_temporary_name_is_not_the_title(tmp_path, inputs, facts):
    out = write_mp4(tmp_path / ".swap.partial.mp4", inputs[0])
    write_provenance(out, facts, name="swap.mp4")
    out.rename(tmp_path / "swap.mp4")
    assert verify(tmp_path / "swap.mp4").facts["title"] == "swap.mp4" and verify(tmp_path / "swap.mp4").ours


def test_a_file_that_cannot_be_signed_stays_as_it_was(tmp_path, inputs, facts):
    out = tmp_path / "swap.mp4"
    out.write_bytes(b"not a video at all" * 100)
    with pytest.raises(FaceswapError, match="is finished but could not be signed .*asset could not be parsed"):
        write_provenance(out, facts)
    assert out.read_bytes() == b"not a video at all" * 100
    assert not list(tmp_path.glob(".*partial*"))
    verdict = verify(out)
    assert (verdict.ours, verdict.intact) == (False, False) and verdict.summary[0].startswith("cannot be judged")


def test_a_key_that_cannot_be_kept_leaves_the_video(tmp_path, monkeypatch, inputs, facts):
    out = write_mp4(tmp_path / "swap.mp4", inputs[0])
    plain = out.read_bytes()
    (tmp_path / "file").touch()
    monkeypatch.setenv("FACESWAP_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(FaceswapError, match="FACESWAP_HOME|check its permissions"):
        write_provenance(out, facts)
    assert out.read_bytes() == plain


def test_a_format_without_a_place_for_credentials_gets_a_sidecar(tmp_path, facts):
    out = tmp_path / "swap.mkv"
    out.write_bytes(b"\x1aE\xdf\xa3" + bytes(500))
    assert write_provenance(out, facts).sidecar == tmp_path / "swap.mkv.provenance.json"
    assert verify(out).ours and verify(out).summary[0] == "intact; signed by this computer"
