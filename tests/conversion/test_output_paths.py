"""No output replaces what is read, another output, or what somebody else wrote; all said in the first second."""

import os
import pathlib
import shutil
import time
import types

import pytest

from faceswap_lib.cli import main
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.conversion.output_paths import check_names, check_paths
from faceswap_lib.errors import FaceswapError, InputError, WorkspaceError
from faceswap_lib.facesets import Workspace, writable
from faceswap_lib.media import write_image
from tests.conftest import contents
from tests.links import require_symlinks
from tests.videos import make_video, pattern_frame

SAID = "the people agreed"


@pytest.fixture
def place(tmp_path, monkeypatch) -> pathlib.Path:
    """A folder with a video, pictures, a workspace with a run, a key folder; all of the user's, none to be changed."""
    make_video(tmp_path / "a.mp4", frames=4)
    for index, name in enumerate(("a.png", "b.png", "pics/a.png", "pics/b.jpg", "2024/a.png", "other/000000.png")):
        write_image(tmp_path / name, pattern_frame(index))
    shutil.copy(tmp_path / "a.mp4", tmp_path / ".temp.partial.mp4")
    shutil.copy(tmp_path / "a.mp4", tmp_path / "beside.mkv.provenance.json")
    for name in ("face_src/manifest.jsonl", "face_dst/manifest.jsonl", "binary_masks/face_src_eyes/0.png"):
        (tmp_path / "w" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "w" / name).write_bytes(b"")
    (tmp_path / "w" / "models" / "default").mkdir(parents=True)
    (tmp_path / "w" / "models" / "default" / "config.json").write_text("{}")
    (tmp_path / "w" / "consent.yaml").write_text("statement: yes, all\n")
    (tmp_path / "key").mkdir()
    monkeypatch.setenv("FACESWAP_HOME", str(tmp_path / "key"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def convert(*words: str) -> int:
    return main(["convert", *words, "--workspace", "w", "--consent", SAID])


def link(source: str, target: str) -> None:
    require_symlinks(pathlib.Path.cwd())
    os.symlink(source, target)


REFUSED = {
    "the mask is the source": ("a.png --out new.png --mask-path a.png", "a.png is the input"),
    "the mask is the source, in other words": ("a.png --out new.png --mask-path ./pics/../a.png", "is the input"),
    "the mask is the source, by a hard link": ("a.png --out new.png --mask-path hard.png --overwrite", "is the input"),
    "the mask is the source, through a linked folder": (
        "pics/a.png --out new.png --mask-path way/a.png",
        "is the input",
    ),
    "the output is the source": ("a.png --out a.png --overwrite", "a.png is the input"),
    "the mask is the output": ("a.png --out new.png --mask-path ./new.png", "is the output"),
    "the mask is the video": ("a.mp4 --out new.mp4 --mask-path a.mp4 --overwrite", "a.mp4 is the input"),
    "the mask is the video's output": ("a.mp4 --out new.mp4 --mask-path new.mp4", "is the output"),
    "masks over the pictures": ("pics --out new --mask-path pics --overwrite", "pics is the input"),
    "pictures over themselves": ("pics --out pics --overwrite", "pics is the input"),
    "masks among the results": ("pics --out new --mask-path new", "is the output"),
    "masks inside the results": ("pics --out new --mask-path new/masks", "lies inside"),
    "results inside the input": ("pics --out pics/new", "lies inside"),
    "the input inside the results": ("pics --out .", "lies inside"),
    "a video's masks in its folder": ("a.mp4 --out new --mask-path new/m", "lies inside"),
    "a picture's mask in another's place": ("pics --out other --overwrite --mask-path new", "--"),
    "the temporary name is the source": (".temp.partial.mp4 --out temp.mp4", "is the input"),
    "the sidecar is the source": ("beside.mkv.provenance.json --out beside.mkv", "is the input"),
    "an output among A's faces": ("a.mp4 --out w/face_src/new.mp4", "lies inside"),
    "an output among the runs": ("a.mp4 --out w/models/new.mp4", "lies inside"),
    "an output among the masks": ("a.mp4 --out w/binary_masks/face_src_eyes --overwrite", "lies inside"),
    "the workspace as output": ("a.mp4 --out w --overwrite", "lies inside"),
    "masks over the workspace": ("pics --out new --mask-path w", "lies inside"),
    "an output beside the key": ("a.mp4 --out key/new.mp4", "lies inside"),
    "a link as output": ("a.mp4 --out link.mp4 --overwrite", "link.mp4 is a link to"),
    "a link to nothing as output": ("a.mp4 --out gone.mp4", "gone.mp4 is a link to"),
    "a linked folder as output": ("pics --out way2", "way2 is a link to"),
    "the hidden folder is a link": ("a.mp4 --out hidden.mp4", ".hidden.mp4.parts is a link to"),
    "a file of the sidecar's name": ("a.mp4 --out own.mkv", "own.mkv.provenance.json is there already"),
    "a folder where a file is to be": ("a.mp4 --out dir.mp4 --overwrite", "dir.mp4 is a folder"),
    "a folder where a picture is to be": ("a.png --out dir.png --overwrite", "dir.png is a folder"),
    "a file where a folder is to be": ("a.mp4 --out plain --overwrite", "plain is not a folder"),
    "a file above the output": ("a.mp4 --out a.png/new.mp4", "a.png is no folder"),
    "one's own numbered picture": ("a.mp4 --out other --overwrite", "000000.png, which no conversion wrote"),
    "one's own pictures of the same names": (
        "pics --out own --overwrite",
        "own holds a.png and 1 more, which no conversion wrote",
    ),
    "a mask that cannot be written": ("a.png --out new.png --mask-path m.bmp", "expected an output named .png"),
    "a video that cannot be written": ("a.mp4 --out new.avi", "expected an output named .mp4"),
    "a mask video that cannot be written": ("a.mp4 --out new.mp4 --mask-path m.webm", "expected an output named .mp4"),
    "a name that is too long": (f"a.mp4 --out {'n' * 240}.mp4", "bytes longer than the"),
    "a name that is far too long": (f"a.mp4 --out {'n' * 300}.mp4", "bytes longer than the"),
    "a picture's name that is too long": (f"a.png --out {'n' * 245}.png", "bytes longer than the"),
    "no run": ("a.mp4 --out new.mp4 --run other", "no run 'other'"),
    "a picture that is no number": ("² --out new.mp4", "no such file: ²"),
    "more digits than a webcam has": (f"{'9' * 5000} --out new.mp4", "File name too long"),
    "a folder named as a number": ("2024 --out 2024", "2024 is the input"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_lost_or_could_not_be_written_is_refused_at_once(place, case, capsys):
    words, message = REFUSED[case]
    os.link("a.png", "hard.png")
    link("pics", "way")
    link("other", "way2")
    link("a.png", "link.mp4")
    link("nothing", "gone.mp4")
    link("pics", ".hidden.mp4.parts")
    (place / "own.mkv.provenance.json").write_text('{"mine": 1}')
    (place / "plain").write_bytes(b"mine")
    for folder in ("dir.mp4", "dir.png"):
        (place / folder).mkdir()
    shutil.copytree("pics", "own")
    if case == "a picture's mask in another's place":
        shutil.copy("other/000000.png", "other/a.png")
        message = "a.png, which no conversion wrote"
    before, names = contents(place), sorted(place.rglob("*"))
    began = time.monotonic()
    assert convert(*words.split()) == 2
    assert time.monotonic() - began < 5
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1 and "Traceback" not in said
    assert contents(place) == before and sorted(place.rglob("*")) == names


def test_what_is_needed_at_the_end_is_looked_at_first(place, capsys, monkeypatch):
    (place / "w" / "consent.yaml").write_text("statement: [\n")
    assert convert("a.mp4", "--out", "new.mp4") == 2 and "consent.yaml: expected YAML" in capsys.readouterr().err
    (place / "w" / "consent.yaml").unlink()
    monkeypatch.setenv("FACESWAP_HOME", str(place / "a.png"))
    assert convert("a.mp4", "--out", "new.mp4") != 0
    assert "key" in capsys.readouterr().err
    assert not list(place.glob("*new*")) and not list(place.glob(".new*"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(place, capsys):
    (place / "pics").chmod(0o500)
    assert convert("a.mp4", "--out", "pics/new.mp4") == 2
    assert "pics cannot be written (Permission denied)" in capsys.readouterr().err


def test_a_full_disk_is_noticed_before_the_work(place, monkeypatch):
    from faceswap_lib.conversion import convert_video
    from tests.fakes import IdentitySwapper, ListedDetector

    monkeypatch.setattr(writable.shutil, "disk_usage", lambda folder: types.SimpleNamespace(total=100, free=10))
    for name in ("new.mp4", "new.mkv", "new.gif", "new"):
        with pytest.raises(
            InputError, match=r"has 0.0 MB free, and the conversion needs about .* MB there; make room, .*--start"
        ):
            convert_video(
                ConversionJob(source=place / "a.mp4", out=place / name), IdentitySwapper(), ListedDetector([])
            )
    assert not list(place.glob("*new*"))


def test_two_conversions_to_one_output_are_one_too_many(place, monkeypatch):
    from faceswap_lib.conversion import OutputConfig, convert_video
    from faceswap_lib.locks import hold
    from faceswap_lib.pipeline import converting
    from tests.fakes import IdentitySwapper, ListedDetector

    monkeypatch.setattr(converting, "load_run", lambda *_: pytest.fail("began to work"))
    for held in ("new.mp4", "mask.mp4"):
        with (
            hold(place / held, what=f"the conversion to {held}"),
            pytest.raises(WorkspaceError, match="is in use by process"),
        ):
            converting.convert(
                place / "a.mp4",
                Workspace(place / "w"),
                place / "new.mp4",
                output_config=OutputConfig(mask_path=place / "mask.mp4"),
            )
    with hold(place / ".new.mp4.parts", what="another"), pytest.raises(WorkspaceError, match="is in use by process"):
        convert_video(
            ConversionJob(source=place / "a.mp4", out=place / "new.mp4"), IdentitySwapper(), ListedDetector([])
        )


def test_places_are_compared_by_what_they_are(tmp_path):
    (tmp_path / "a").mkdir()
    check_paths({"the output": tmp_path / "a" / "x"}, {"the input": tmp_path / "a" / "y"})
    check_paths({"the output": tmp_path / "ab"}, {"the input": tmp_path / "a"})
    check_paths({}, {"one": tmp_path / "a", "two": tmp_path / "a" / "x"})  # only read
    for one, other in (("n/x", "n/./x"), ("n/../n/x", "n/x"), ("n", "n/x"), ("n/x/y", "n")):
        with pytest.raises(InputError):
            check_paths({"the output": tmp_path / one, "the mask": tmp_path / other}, {})


def test_where_names_ignore_case_they_are_one(tmp_path, monkeypatch):
    from faceswap_lib.conversion import output_paths

    monkeypatch.setattr(output_paths, "_ignores_case", lambda path: True)
    with pytest.raises(InputError, match="is the output"):
        check_paths({"the output": tmp_path / "Swap.mp4", "the mask": tmp_path / "swap.MP4"}, {})


def test_names_are_counted_in_bytes(tmp_path):
    check_names(tmp_path, ["n" * 255])
    with pytest.raises(InputError, match="is 1 bytes longer"):
        check_names(tmp_path, ["é" * 128])
    with pytest.raises(FaceswapError):
        check_names(tmp_path / "new" / "folder", ["n" * 256])
