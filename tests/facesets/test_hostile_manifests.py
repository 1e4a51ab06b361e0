"""Facesets that somebody else wrote, or a disk has damaged: nothing outside their folders is touched, and all is said.

Every test makes its own files. The victims lie beside the workspace; a test fails when one of them is changed, and also
when one is opened, renamed or removed on the way.
"""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import shutil
import sys
import typing
import zipfile

import numpy as np
import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces import FaceTrack, Part, VideoTracks
from faceswap_lib.faces.alignment import CROP_SIZE
from faceswap_lib.facesets import (
    CropRecord,
    ExtractConfig,
    Faceset,
    Workspace,
    exclude_crops,
    extract_faces,
    list_excluded,
    read_manifest,
    restore_crops,
    swap_parts,
    write_eye_masks,
    write_manifest,
)
from faceswap_lib.facesets.backup import fetch_facesets, keep_facesets
from faceswap_lib.facesets.extraction_log import ExtractionLog, read_dropped
from faceswap_lib.facesets.file_names import check_file_name
from faceswap_lib.facesets.source import read_source
from faceswap_lib.facesets.track_io import read_tracks, write_tracks
from faceswap_lib.media import write_image
from tests.conftest import HOPPER, contents, snapshot
from tests.fakes import ListedDetector, make_face, make_record
from tests.links import require_symlinks

NUMBERS = np.random.default_rng(0)


class Watch:
    """Notes every file operation below a folder."""

    EVENTS = frozenset({"open", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate"})

    def __init__(self):
        self.folder, self.seen = "", []
        sys.addaudithook(self._note)  # hooks stay for good; an empty folder turns it off

    def _note(self, event: str, arguments: tuple) -> None:
        if not self.folder or event not in self.EVENTS:
            return
        folder, self.folder = self.folder, ""  # what follows is not to be noted
        paths = [str(one) for one in arguments if isinstance(one, str | os.PathLike)]
        # The entry itself, not what a link there leads to: removing a link touches its own folder alone. What is opened
        # is what the link leads to.
        real = [
            os.path.realpath(path) if event == "open" else os.path.join(os.path.realpath(os.path.dirname(path)), "x")
            for path in paths
        ]
        self.seen += [
            (event, path) for path, place in zip(paths, real, strict=True) if place.startswith(folder + os.sep)
        ]
        self.folder = folder


@pytest.fixture(scope="session")
def watch() -> Watch:
    return Watch()


@pytest.fixture
def workspace(tmp_path: pathlib.Path) -> Workspace:
    """Two facesets of six crops of noise, with eye masks."""
    workspace = Workspace(tmp_path / "workspace")
    for side in ("src", "dst"):
        records = [make_record(index) for index in range(6)]
        for record in records:
            picture = np.kron(NUMBERS.integers(0, 256, (8, 8, 3), np.uint8), np.ones((32, 32, 1), np.uint8))
            write_image(workspace.faces(side) / record.crop, picture)
        write_manifest(workspace.faces(side), records)
        write_eye_masks(workspace, side)
    return workspace


def values_of(record: CropRecord) -> dict:
    return json.loads(record.to_line())


def put_line(folder: pathlib.Path, line: str | bytes, number: int = 3, name: str = "manifest.jsonl") -> None:
    """Replaces one line of a file of lines."""
    path = folder / name
    lines = path.read_bytes().split(b"\n")
    lines[number - 1] = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
    path.write_bytes(b"\n".join(lines))


# Names ----------------------------------------------------------------------------------------------------------------

NO_NAMES = [
    *("", ".", "..", "...", " ", "a ", "a.", "../x.jpg", "../../x.jpg", "a/../x.jpg", "a/x.jpg", "./x.jpg", "/x.jpg"),
    *("//host/share/x.jpg", "\\x.jpg", "..\\x.jpg", "a\\x.jpg", "\\\\host\\share\\x.jpg", "C:x.jpg", "C:\\x.jpg"),
    *("C:/x.jpg", "x.jpg:stream", "x\0.jpg", "x.jpg\0", "x\n.jpg", "\tx.jpg", "x\x7f.jpg", "con.jpg", "CON.jpg"),
    *("nul.jpg", "Aux.png", "prn.jpg", "com1.jpg", "LPT9.tar.jpg", "com¹.jpg", "CONIN$.jpg", "con .jpg", "x?.jpg"),
    *("x*.jpg", '"x.jpg"', "<x>.jpg", "x|.jpg", "~/x.jpg", "\ud800.jpg", "x" * 241 + ".jpg", "é" * 121 + ".jpg"),
]

NAMES = [
    "000000.jpg",
    "000000_1.jpg",
    "000012-eyes-mouth.jpg",
    "A b.JPEG",
    "é日本.png",
    "console.jpg",
    "com10.jpg",
    "a..jpg",
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_plain_file_name_is_none_on_any_system(name):
    with pytest.raises(ValueError, match="expected a "):
        check_file_name(name)
    with pytest.raises(ValueError, match="expected a "):
        make_record(0, name) if name else dataclasses.replace(make_record(0), crop=name)


@pytest.mark.parametrize("name", NAMES)
def test_plain_file_names_are_taken_as_they_are(name):
    assert check_file_name(name) == name
    assert make_record(0, name).crop == name


# Damaged lines --------------------------------------------------------------------------------------------------------


def change(**values: object) -> typing.Callable[[dict], str]:
    """A line in which some values are others."""
    return lambda record: json.dumps(record | values)


def leave_out(key: str) -> typing.Callable[[dict], str]:
    return lambda record: json.dumps({name: value for name, value in record.items() if name != key})


def text(line: str | bytes) -> typing.Callable[[dict], str | bytes]:
    return lambda record: line


def raw(key: str, value: str) -> typing.Callable[[dict], str]:
    """A line in which one value is some text that no encoder writes."""
    return lambda record: json.dumps(record | {key: "@"}).replace('"@"', value)


POINTS = [[10.0 * x, 20.0 + x] for x in range(68)]
POINT = [50.0, 60.0]
NOTHING = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]

LINES: dict[str, typing.Callable[[dict], str | bytes]] = {
    "empty": text(""),
    "spaces": text("   "),
    "half a line": lambda record: json.dumps(record)[:90],
    "two on one line": lambda record: json.dumps(record) * 2,
    "bytes of a picture": text(b"\xff\xd8\xff\xe0\x00\x10JFIF\xfe"),
    "zeros": text(b"\x00" * 40),
    "other encoding": text('{"crop": "é.jpg"}'.encode("utf-16")),
    "a quote is open": text('{"crop": "000002.jpg'),
    "a list": text("[1, 2]"),
    "null": text("null"),
    "true": text("true"),
    "a number": text("3"),
    "a text": text('"crop"'),
    "not a number": text("NaN"),
    "nothing in it": text("{}"),
    "deep": text("[" * 100_000),
    "deep objects": text('{"crop":' * 50_000),
    "5000 digits": text('{"frame": ' + "9" * 5000 + "}"),
    "comment": text("# a comment"),
    "unknown key": change(sharpnes=3.0),
    "key is empty": change(**{"": 1}),
    "crop is a number": change(crop=3),
    "crop is null": change(crop=None),
    "crop is a list": change(crop=["a.jpg"]),
    "crop is an object": change(crop={"a": 1}),
    "crop is the manifest": change(crop="manifest.jsonl"),
    "crop is the source": change(crop="source.json"),
    "crop is a document": change(crop="thesis.docx"),
    "crop has no suffix": change(crop="000002"),
    "crop is a suffix": change(crop=".jpg"),
    "crop is hidden": change(crop=".000002.partial.jpg"),
    "crop of another line": change(crop="000001.jpg"),
    "crop of another line, in capitals": change(crop="000001.JPG"),
    "mask of another line": change(crop="000001.png"),
    **{f"crop is {name!r:.24}": change(crop=name) for name in NO_NAMES},
    "crop is absolute": change(crop="/home/u/thesis.docx"),
    "frame is a text": change(frame="3"),
    "frame is a fraction": change(frame=3.5),
    "frame is true": change(frame=True),
    "frame is null": change(frame=None),
    "frame is negative": change(frame=-1),
    "frame is too large": change(frame=10**12),
    "frame is infinite": raw("frame", "Infinity"),
    "time is a text": change(time="0:03"),
    "time is not a number": raw("time", "NaN"),
    "time is infinite": raw("time", "-Infinity"),
    "time overflows": raw("time", "1e999"),
    "time is a list": change(time=[0.1]),
    "time is of 400 digits": change(time=10**400),
    "box is null": change(box_xyxy=None),
    "box of three": change(box_xyxy=[1.0, 2.0, 3.0]),
    "box of five": change(box_xyxy=[1.0, 2.0, 3.0, 4.0, 5.0]),
    "box of texts": change(box_xyxy=["1", "2", "3", "4"]),
    "box of lists": change(box_xyxy=[[1.0], [2.0], [3.0], [4.0]]),
    "box is an object": change(box_xyxy={"0": 1, "1": 2, "2": 3, "3": 4}),
    "box is a text of four": change(box_xyxy="1234"),
    "box is turned over": change(box_xyxy=[90.0, 20.0, 10.0, 80.0]),
    "box is empty": change(box_xyxy=[10.0, 10.0, 10.0, 10.0]),
    "box is not finite": raw("box_xyxy", "[1.0, 2.0, NaN, 80.0]"),
    "box is too large": change(box_xyxy=[0.0, 0.0, 1e300, 1e300]),
    "landmarks are null": change(landmarks=None),
    "landmarks are none": change(landmarks=[]),
    "four landmarks": change(landmarks=[POINT] * 4),
    "landmarks in space": change(landmarks=[[*POINT, 1.0]] * 5),
    "landmarks in a row": change(landmarks=[1.0] * 10),
    "a landmark is null": change(landmarks=[POINT] * 4 + [None]),
    "a landmark is true": change(landmarks=[POINT] * 4 + [[True, 1.0]]),
    "a landmark is a text": change(landmarks=[POINT] * 4 + ["ab"]),
    "a landmark is not finite": raw("landmarks", "[[1,2],[3,4],[5,6],[7,8],[NaN,10]]"),
    "a landmark is far away": change(landmarks=[POINT] * 4 + [[1e8, 1.0]]),
    "landmarks in one place": change(landmarks=[POINT] * 5),
    "both eyes in one place": change(landmarks=[POINT, POINT, [60.0, 80.0], [50.0, 90.0], [70.0, 90.0]]),
    "matrix is null": change(crop_from_frame=None),
    "matrix of 3 x 3": change(crop_from_frame=[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    "matrix of 2 x 2": change(crop_from_frame=[[1.0, 0.0], [0.0, 1.0]]),
    "matrix in a row": change(crop_from_frame=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
    "matrix is ragged": change(crop_from_frame=[[1.0, 0.0, 0.0], [0.0, 1.0]]),
    "matrix of zeros": change(crop_from_frame=NOTHING),
    "matrix is flat": change(crop_from_frame=[[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]]),
    "matrix is not finite": raw("crop_from_frame", "[[1, 0, Infinity], [0, 1, 0]]"),
    "matrix throws the face away": change(crop_from_frame=[[1e6, 0.0, 0.0], [0.0, 1e6, 0.0]]),
    "score is a text": change(score="high"),
    "score is above 1": change(score=1.5),
    "score is negative": change(score=-0.1),
    "score is not a number": raw("score", "NaN"),
    "score is false": change(score=False),
    "sharpness is null": change(sharpness=None),
    "sharpness is negative": change(sharpness=-3.0),
    "sharpness is infinite": raw("sharpness", "Infinity"),
    "track is a text": change(track="first"),
    "track is negative": change(track=-1),
    "track is a fraction": change(track=0.5),
    "68 landmarks are 67": change(landmarks_68=POINTS[:67]),
    "68 landmarks are 5": change(landmarks_68=POINTS[:5]),
    "68 landmarks are none": change(landmarks_68=[]),
    "68 landmarks are a number": change(landmarks_68=68),
    "68 landmarks are in space": change(landmarks_68=[[*point, 0.0] for point in POINTS]),
    "one of 68 is null": change(landmarks_68=[*POINTS[:67], [1.0, None]]),
    "68 landmarks in one place": change(landmarks_68=[POINT] * 68),
    "a mouth in one place": change(landmarks_68=[*POINTS[:48], *[POINT] * 20]),
    "one of 68 is far away": change(landmarks_68=[*POINTS[:67], [1.0, -1e8]]),
    **{f"no {key}": leave_out(key) for key in values_of(make_record(0)) if key not in ("track", "landmarks_68")},
}
"""How the third line of a manifest is damaged."""


@pytest.mark.parametrize("damage", LINES)
def test_a_damaged_line_ends_in_an_error_that_names_it(tmp_path, damage):
    """In each of the files that hold such lines: the manifest, the one of what is set aside, the extraction's log."""
    workspace = Workspace(tmp_path)
    folder, aside = workspace.faces("src"), workspace.faces("src") / "set_aside"
    records = [make_record(index) for index in range(6)]
    line = LINES[damage](values_of(records[2]))
    write_manifest(folder, records)
    put_line(folder, line)
    whole_file = isinstance(line, bytes)  # not UTF-8, or no text at all
    shared = "another line" in damage
    where = "" if whole_file or shared else ":3"
    for attempt in (
        read_manifest,
        lambda _: Faceset.open(workspace, "src"),
        lambda _: write_eye_masks(workspace, "src"),
    ):
        with pytest.raises(WorkspaceError, match=rf"manifest\.jsonl{where}.*(--overwrite|did you mean|known are)"):
            attempt(folder)
    before = contents(tmp_path)
    with pytest.raises(WorkspaceError, match=r"manifest\.jsonl"):
        exclude_crops(workspace, "src", ["000001.jpg"])
    assert contents(tmp_path) == before

    write_manifest(folder, [make_record(9)])
    write_manifest(aside, records)
    put_line(aside, line)
    before = contents(tmp_path)
    for attempt in (list_excluded, restore_crops, lambda *of: exclude_crops(*of, [])):
        with pytest.raises(WorkspaceError, match=rf"set_aside.manifest\.jsonl{where}"):
            attempt(workspace, "src")
    assert contents(tmp_path) == before

    log = ExtractionLog(folder)
    for record in records:
        log.add(record)
    put_line(
        folder,
        b'{"crop": ' + (line if whole_file else line.encode("utf-8", "surrogatepass")) + b"}",
        name="unfinished.jsonl",
    )
    with pytest.raises(WorkspaceError, match=r"unfinished\.jsonl"):
        ExtractionLog(folder)


def test_there_are_many_ways_to_damage_a_line():
    assert len(LINES) > 140


@pytest.mark.parametrize(
    "line",
    [
        *(
            '{"crop": {}, "dropped": {}}',
            '{"face": {}}',
            "{}",
            '{"dropped": null}',
            '{"dropped": [1]}',
            '{"dropped": 3}',
        ),
        *('{"dropped": {"frame": 1}}', '{"dropped": {"frame": 1, "track": 0, "reason": "ugly", "value": 3}}'),
        *('{"dropped": {"frame": -1, "track": 0, "reason": "tiny", "value": 3}}', "[[1, 2]]", "null"),
        *('{"dropped": {"frame": 1, "track": 0, "reason": "tiny", "value": NaN}}', '{"crop": "000000.jpg"}'),
        *('{"dropped": {"frame": 1, "track": 0, "reason": ["tiny"], "value": 3}}', '{"dropped": '),
    ],
)
def test_a_damaged_log_of_an_extraction_is_named_and_stays(tmp_path, line):
    path = tmp_path / "unfinished.jsonl"
    path.write_text('{"dropped": {"frame": 0, "track": 0, "reason": "tiny", "value": 3.0}}\n' + line + "\n")
    before = path.read_bytes()
    with pytest.raises(WorkspaceError, match=r"unfinished\.jsonl:2 .*--overwrite|unfinished\.jsonl:2: unknown"):
        ExtractionLog(tmp_path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "line", ["", "3", "{}", '{"frame": 0, "track": 0, "reason": "tiny", "value": "3"}', '{"a": 1}']
)
def test_a_damaged_list_of_dropped_faces_is_named(tmp_path, line):
    (tmp_path / "dropped.jsonl").write_text('{"frame": 0, "track": 0, "reason": "tiny", "value": 3.0}\n' + line + "\n")
    with pytest.raises(WorkspaceError, match=r"dropped\.jsonl:2"):
        read_dropped(tmp_path)
    (tmp_path / "dropped.jsonl").unlink()
    assert read_dropped(tmp_path) == []


@pytest.mark.parametrize(
    "source",
    [
        *("", "[]", "null", "{", '{"video": 3}', '{"video": ["a.mp4"]}', '{"video": ""}', '{"video": ".."}'),
        *('{"video": "../a.mp4"}', '{"video": "/home/u/a.mp4"}', '{"video": "a\\u0000.mp4"}'),
        *('{"video": "\\u001b[2J"}', '{"sha256": 3}', '{"sha256": "abc"}', '{"sha256": null}'),
        '{"sha256": "' + "g" * 64 + '"}',
    ],
    ids=lambda source: f"{source:.24}",
)
def test_a_damaged_note_of_the_video_is_named(tmp_path, source):
    (tmp_path / "source.json").write_text(source)
    with pytest.raises(WorkspaceError, match=r"source\.json: expected|source\.json: (video|sha256): expected"):
        read_source(tmp_path)


def test_the_name_of_a_video_may_be_what_its_system_allows(tmp_path):
    note = {"video": "What? é 日本: part \udcff 1.mp4", "sha256": "0" * 64}
    (tmp_path / "source.json").write_text(json.dumps(note | {"extract": {}}))
    assert read_source(tmp_path) == note
    (tmp_path / "source.json").unlink()
    assert read_source(tmp_path) == {}


def test_pictures_that_are_no_crops_are_named(workspace):
    folder, masks = workspace.faces("src"), workspace.eye_masks("src")
    write_image(masks / "000003.png", np.zeros((CROP_SIZE, 99), np.uint8))
    with pytest.raises(WorkspaceError, match=r"000003\.png: expected a square picture, got 99 x 256"):
        Faceset.open(workspace, "src").load(64)
    write_image(folder / "000003.jpg", np.zeros((99, CROP_SIZE, 3), np.uint8))
    for read in (Faceset.read_crops, lambda faceset: faceset.load(CROP_SIZE)):
        with pytest.raises(WorkspaceError, match=r"000003\.jpg: expected a square picture, got 256 x 99"):
            read(Faceset.open(workspace, "src"))


# Attacks --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def victims(tmp_path: pathlib.Path, watch: Watch) -> typing.Iterator[pathlib.Path]:
    """A folder of the user's own files beside the workspace; they must be the same, and untouched, at the end."""
    folder = tmp_path / "victims"
    write_image(folder / "photo.jpg", np.full((CROP_SIZE, CROP_SIZE, 3), 90, np.uint8))
    write_image(folder / "photo.png", np.full((CROP_SIZE, CROP_SIZE), 90, np.uint8))
    for name in ("000001.jpg", "000001.png", "thesis.docx", "manifest.jsonl"):
        (folder / name).write_bytes(b"the only copy of " + name.encode())
    (folder / "set_aside").mkdir()
    (folder / "set_aside" / "000001.jpg").write_bytes(b"the only copy")
    before = snapshot(folder)
    watch.seen, watch.folder = [], os.path.realpath(folder)
    yield folder
    watch.folder = ""
    assert snapshot(folder) == before
    assert watch.seen == []


WAYS_OUT = ["absolute", "relative", "relative with a document", "document", "backslashes"]


def way_out(way: str, folder: pathlib.Path, victims: pathlib.Path) -> str:
    """A crop's name that leads from a faceset's folder to a victim."""
    relative = pathlib.PurePath(os.path.relpath(victims, folder))
    return {
        "absolute": str(victims / "photo.jpg"),
        "relative": (relative / "photo.jpg").as_posix(),
        "relative with a document": (relative / "thesis.docx").as_posix(),
        "document": str(victims / "thesis.docx"),
        "backslashes": str(relative / "photo.jpg").replace("/", "\\"),
    }[way]


def plant(folder: pathlib.Path, crop: str, number: int = 2) -> None:
    """Puts a hostile crop into a manifest."""
    put_line(folder, json.dumps(values_of(make_record(number - 1)) | {"crop": crop}), number)


def fetch_and_set_aside(workspace: Workspace, other: Workspace, crop: str) -> None:
    """What a user does with an archive from elsewhere."""
    keep_facesets(workspace, other.root.parent / "drive")
    fetch_facesets(other.root.parent / "drive", other)
    exclude_crops(other, "src", [crop])


def bring_back_hostile(workspace: Workspace, crop: str) -> None:
    folder = workspace.faces("src")
    hostile = (folder / "manifest.jsonl").read_bytes()
    write_manifest(folder, [make_record(9)])
    (folder / "set_aside").mkdir()
    (folder / "set_aside" / "manifest.jsonl").write_bytes(hostile)
    restore_crops(workspace, "src", [crop])


VERBS: dict[str, typing.Callable[[Workspace, Workspace, str], object]] = {
    "read": lambda here, _, crop: Faceset.open(here, "src").load(64),
    "masks": lambda here, _, crop: write_eye_masks(here, "src"),
    "set aside": lambda here, _, crop: exclude_crops(here, "src", [crop]),
    "set another aside": lambda here, _, crop: exclude_crops(here, "src", ["000002.jpg"]),
    "bring back": lambda here, _, crop: bring_back_hostile(here, crop),
    "swap parts": lambda here, other, crop: swap_parts(
        Faceset.open(here, "src"), Faceset.open(here, "dst"), Part.MOUTH, other, "src"
    ),
    "give parts": lambda here, other, crop: swap_parts(
        Faceset.open(here, "dst"), Faceset.open(here, "src"), Part.MOUTH, other, "src"
    ),
    "fetch": fetch_and_set_aside,
}


@pytest.mark.parametrize("way", WAYS_OUT)
@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_touches_what_lies_outside(workspace, victims, tmp_path, verb, way):
    """Whether a verb refuses or goes on: the victims are watched, and compared at the end."""
    folder, masks = workspace.faces("src"), workspace.eye_masks("src")
    crop = way_out(way, folder, victims)
    plant(folder, crop)
    shutil.copy(masks / "000002.png", masks / pathlib.PurePath(crop).with_suffix(".png").name)
    with contextlib.suppress(WorkspaceError):
        VERBS[verb](workspace, Workspace(tmp_path / "other"), crop)


@pytest.mark.parametrize("way", WAYS_OUT)
def test_a_crop_that_leads_out_is_refused_by_all_that_read_facesets(workspace, victims, way, tmp_path):
    folder = workspace.faces("src")
    good = Faceset.open(workspace, "dst")
    crop = way_out(way, folder, victims)
    plant(folder, crop)
    out = Workspace(tmp_path / "out")
    for attempt in (
        lambda: Faceset.open(workspace, "src").load(64),
        lambda: Faceset.open(workspace, "src").read_crops(),
        lambda: write_eye_masks(workspace, "src"),
        lambda: exclude_crops(workspace, "src", [crop]),
        lambda: exclude_crops(workspace, "src", ["000002.jpg"]),
        lambda: restore_crops(workspace, "src"),
        lambda: swap_parts(good, Faceset.open(workspace, "src"), Part.MOUTH, out, "src"),
        lambda: swap_parts(Faceset.open(workspace, "src"), good, Part.MOUTH, out, "src"),
    ):
        with pytest.raises(WorkspaceError, match=r"face_src.manifest\.jsonl:2"):
            attempt()
    assert not out.root.exists()


@pytest.mark.parametrize("way", WAYS_OUT)
def test_what_is_set_aside_cannot_lead_out(workspace, victims, way):
    aside = workspace.faces("src") / "set_aside"
    exclude_crops(workspace, "src", ["000001.jpg", "000002.jpg"])
    crop = way_out(way, aside, victims)
    plant(aside, crop)
    for attempt in (
        lambda: restore_crops(workspace, "src"),
        lambda: restore_crops(workspace, "src", [crop]),
        lambda: exclude_crops(workspace, "src", ["000003.jpg"]),
    ):
        with pytest.raises(WorkspaceError, match=r"set_aside.manifest\.jsonl:2"):
            attempt()


@pytest.mark.parametrize("way", WAYS_OUT)
@pytest.mark.parametrize("where", ["manifest", "set aside"])
def test_an_archive_whose_crops_lead_out_is_not_unpacked(workspace, victims, tmp_path, way, where):
    drive, other = tmp_path / "drive", Workspace(tmp_path / "other" / "workspace")
    folder = workspace.faces("src")
    exclude_crops(workspace, "src", ["000004.jpg", "000005.jpg"])
    crop = way_out(way, folder, victims)
    plant(folder if where == "manifest" else folder / "set_aside", crop)
    keep_facesets(workspace, drive)  # it keeps bytes, whatever they say
    report = fetch_facesets(drive, other)
    assert report.carried == ("face_dst",)
    assert len(report.failed) == 1 and "face_src.zip holds a damaged faceset" in report.failed[0]
    assert not other.faces("src").exists() and not [*other.root.glob(".*")]


@pytest.mark.parametrize("way", WAYS_OUT)
def test_the_log_of_an_extraction_cannot_lead_out(portrait_clips, tmp_path, victims, way):
    """Refused until it is told to overwrite, which removes only what is in the folder."""
    workspace, config = Workspace(tmp_path / "extracted"), ExtractConfig(landmarks="five")
    folder = workspace.faces("src")

    def extract(**options) -> int:
        detector = ListedDetector([(HOPPER,)] * 38)
        return extract_faces(portrait_clips[0], workspace, "src", detector, config=config, **options).crops

    assert extract() == 38
    (folder / "manifest.jsonl").unlink()  # not finished
    hostile = values_of(make_record(0)) | {"crop": way_out(way, folder, victims)}
    (folder / "unfinished.jsonl").write_text(json.dumps({"crop": hostile}) + "\n")
    with pytest.raises(WorkspaceError, match=r"unfinished\.jsonl:1 .*--overwrite"):
        extract()
    write_manifest(folder, [make_record(index) for index in range(4)])
    plant(folder, hostile["crop"])
    with pytest.raises(WorkspaceError, match=r"manifest\.jsonl:2 .*--overwrite"):
        extract()
    assert extract(overwrite=True) == 38 and len(read_manifest(folder)) == 38


# Links ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["face_src", "masks", "binary_masks", "aside", "masks aside"])
def test_folders_that_lead_out_are_refused(workspace, victims, place):
    """A workspace that came as a copy of a folder may hold links."""
    require_symlinks(workspace.root)
    folder, masks = workspace.faces("src"), workspace.eye_masks("src")
    link = {
        "face_src": folder,
        "masks": masks,
        "binary_masks": masks.parent,
        "aside": folder / "set_aside",
        "masks aside": masks / "set_aside",
    }[place]
    target = victims.parent / "elsewhere"
    if place == "face_src":
        shutil.move(folder, target)
    else:
        shutil.rmtree(link, ignore_errors=True)
        target = victims
    link.symlink_to(target, target_is_directory=True)
    before = contents(target) if place == "face_src" else {}
    for attempt in (lambda: exclude_crops(workspace, "src", ["000001.jpg"]), lambda: restore_crops(workspace, "src")):
        with pytest.raises(WorkspaceError, match="expected a place inside .*, got a link to"):
            attempt()
    assert place != "face_src" or contents(target) == before


@pytest.mark.parametrize("place", ["crop", "mask", "crop aside", "mask aside"])
def test_files_that_lead_out_are_refused(workspace, victims, place):
    require_symlinks(workspace.root)
    exclude_crops(workspace, "src", ["000002.jpg"])
    back = "aside" in place
    folder = workspace.faces("src") if "crop" in place else workspace.eye_masks("src")
    name = ("000002" if back else "000001") + (".jpg" if "crop" in place else ".png")
    link = (folder / "set_aside" if back else folder) / name
    link.unlink()
    link.symlink_to(victims / "photo.jpg")
    before = contents(workspace.faces("dst"))
    with pytest.raises(WorkspaceError, match=f"{name}: expected a place inside .*, got a link to"):
        restore_crops(workspace, "src") if back else exclude_crops(workspace, "src", ["000001.jpg"])
    assert link.is_symlink() and contents(workspace.faces("dst")) == before


def test_links_in_a_circle_are_refused(workspace):
    require_symlinks(workspace.root)
    aside = workspace.faces("src") / "set_aside"
    aside.symlink_to(aside)
    with pytest.raises(WorkspaceError, match="expected a place inside"):
        exclude_crops(workspace, "src", ["000001.jpg"])


def test_a_link_that_leads_out_is_not_carried_into_an_archive(workspace, victims, tmp_path):
    require_symlinks(workspace.root)
    (workspace.faces("src") / "notes.txt").symlink_to(victims / "thesis.docx")
    report = keep_facesets(workspace, tmp_path / "drive")
    assert report.carried == ("face_dst",) and "got a link to" in report.failed[0]
    assert not (tmp_path / "drive" / "face_src.zip").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows makes no such file")
def test_a_name_that_could_not_be_fetched_everywhere_is_said_when_it_is_kept(workspace, tmp_path):
    (workspace.faces("src") / "what: a face?.txt").write_bytes(b"mine")
    report = keep_facesets(workspace, tmp_path / "drive")
    assert report.carried == ("face_dst",) and "rename it, or move it elsewhere" in report.failed[0]
    (workspace.faces("src") / "what: a face?.txt").rename(workspace.faces("src") / ".a face.txt")
    assert keep_facesets(workspace, tmp_path / "drive").carried == ("face_src",)
    assert fetch_facesets(tmp_path / "drive", Workspace(tmp_path / "other")).failed == ()


def test_fetching_removes_no_masks_that_lie_elsewhere(workspace, victims, tmp_path):
    require_symlinks(workspace.root)
    keep_facesets(workspace, tmp_path / "drive")
    other = Workspace(tmp_path / "other")
    other.root.mkdir()
    (victims.parent / "more").mkdir()
    (other.root / "binary_masks").symlink_to(victims.parent / "more", target_is_directory=True)
    painted = victims.parent / "more" / "face_src_eyes" / "painted.png"
    painted.parent.mkdir()
    painted.write_bytes(b"by hand")
    report = fetch_facesets(tmp_path / "drive", other)
    assert report.carried == () and all("got a link to" in failed for failed in report.failed)
    assert painted.read_bytes() == b"by hand"


# What is the user's own -----------------------------------------------------------------------------------------------


def test_only_what_was_copied_is_removed(workspace):
    """A record of something set aside, whose copy is not there, does not remove the only file of that name."""
    folder = workspace.faces("src")
    own = folder / "holiday.jpg"
    own.write_bytes(b"mine")
    write_manifest(folder / "set_aside", [make_record(7, "holiday.jpg")])
    exclude_crops(workspace, "src", ["000001.jpg"])
    assert own.read_bytes() == b"mine"
    (folder / "set_aside" / "holiday.jpg").write_bytes(b"other")
    exclude_crops(workspace, "src", ["000002.jpg"])
    before = contents(workspace.root)
    with pytest.raises(WorkspaceError, match=r"holiday\.jpg is another file than the one that was set aside"):
        restore_crops(workspace, "src")
    assert contents(workspace.root) == before
    assert restore_crops(workspace, "src", ["000001.jpg"]) == 1 and own.read_bytes() == b"mine"


def test_a_folder_in_the_place_of_a_crop_is_named(workspace):
    path = workspace.faces("src") / "000001.jpg"
    path.unlink()
    path.mkdir()
    with pytest.raises(WorkspaceError, match="expected a picture, got a folder"):
        exclude_crops(workspace, "src", ["000001.jpg"])


# Archives -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def drive(workspace: Workspace, tmp_path: pathlib.Path) -> pathlib.Path:
    keep_facesets(workspace, tmp_path / "drive")
    return tmp_path / "drive"


@pytest.mark.parametrize("under", ["face_src/", "binary_masks/face_src_eyes/set_aside/", ""])
def test_no_file_of_an_archive_has_such_a_name(drive, victims, tmp_path, under):
    (tmp_path / "deep").mkdir()
    whole = (drive / "face_src.zip").read_bytes()
    (drive / "face_dst.zip").unlink()
    for name in NO_NAMES:
        in_a_folder = name.replace(os.sep, "/") in ("a/x.jpg", "~/x.jpg")  # of the folder itself
        if "\0" in name or "\ud800" in name or in_a_folder or not under + name:
            continue  # no archive holds such a name
        (drive / "face_src.zip").write_bytes(whole)
        with zipfile.ZipFile(drive / "face_src.zip", "a") as archive:
            entry = zipfile.ZipInfo("x")
            entry.filename = under + name
            if entry.is_dir():  # of which nothing is taken
                continue
            archive.writestr(entry, "evil")
        other = Workspace(tmp_path / "deep" / "other")
        report = fetch_facesets(drive, other)
        assert report.carried == () and "face_src" in report.failed[0], name
        assert contents(tmp_path / "deep") == {}, name


def add_entry(archive: zipfile.ZipFile, kind: str) -> None:
    """Adds what no archive of this program holds."""
    entry = zipfile.ZipInfo("face_src/more.jpg")
    if kind in ("link", "device", "pipe"):
        entry.external_attr = {"link": 0o120777, "device": 0o060666, "pipe": 0o010666}[kind] << 16
    if kind == "twice":
        entry.filename = "face_src/000001.jpg"
    if kind == "twice, in capitals":
        entry.filename = "face_src/000001.JPG"
    if kind == "below a file":
        entry.filename = "face_src/000001.jpg/more.jpg"
    if kind == "the folder itself":
        entry.filename = "face_src"
    if kind in ("lzma", "bzip2"):
        entry.compress_type = {"lzma": zipfile.ZIP_LZMA, "bzip2": zipfile.ZIP_BZIP2}[kind]
    archive.writestr(entry, b"evil" * 9)
    if kind == "no name":
        entry.filename = ""
    if kind == "password":
        entry.flag_bits |= 1
    if kind == "unknown version":
        entry.extract_version = entry.create_version = 99
    if kind == "unknown compression":
        entry.compress_type = 77


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "kind",
    [
        *(
            "link",
            "device",
            "pipe",
            "twice",
            "twice, in capitals",
            "below a file",
            "the folder itself",
            "lzma",
            "bzip2",
        ),
        *("password", "unknown version", "unknown compression", "no name"),
    ],
)
def test_an_archive_with_something_odd_is_not_unpacked(workspace, drive, victims, tmp_path, kind):
    with zipfile.ZipFile(drive / "face_src.zip", "a") as archive:
        add_entry(archive, kind)
    other = Workspace(tmp_path / "other")
    report = fetch_facesets(drive, other)
    assert report.carried == ("face_dst",) and "face_src" in report.failed[0]
    assert not other.faces("src").exists() and not [*other.root.glob(".*")]
    report = keep_facesets(workspace, drive)  # and it is no reason not to keep what is here
    assert report.failed == () and "face_src" in report.carried


def test_a_name_that_is_no_unicode_is_damage(workspace, drive, tmp_path):
    with zipfile.ZipFile(drive / "face_src.zip", "a") as archive:
        archive.writestr("face_src/é.jpg", "x")
    data = (drive / "face_src.zip").read_bytes()
    (drive / "face_src.zip").write_bytes(data.replace("é".encode(), b"\xff\xfe"))
    report = fetch_facesets(drive, Workspace(tmp_path / "other"))
    assert report.carried == ("face_dst",) and "face_src.zip is damaged" in report.failed[0]
    assert keep_facesets(workspace, drive).failed == ()


def flip_bits(data: bytes, step: int) -> typing.Iterator[bytes]:
    """The data with one bit flipped, every so many bits."""
    for bit in range(0, 8 * len(data), step):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        yield bytes(damaged)


def test_a_flipped_bit_in_an_archive_costs_it_or_nothing(tmp_path):
    source, drive = Workspace(tmp_path / "source"), tmp_path / "drive"
    source.faces("src").mkdir(parents=True)
    (source.faces("src") / "000000.jpg").write_bytes(b"a crop")
    write_manifest(source.faces("src"), [make_record(0)])
    keep_facesets(source, drive)
    whole, archive = contents(source.root), drive / "face_src.zip"
    data, outcomes = archive.read_bytes(), set()
    for number, damaged in enumerate(flip_bits(data, 17)):
        archive.write_bytes(damaged)
        other = Workspace(tmp_path / f"other{number}")
        report = fetch_facesets(drive, other)
        outcomes.add(bool(report.failed))
        held = {name: held for name, held in contents(other.root).items() if name != "kept.json"}
        assert held == ({} if report.failed else {name: whole[name] for name in whole if name != "kept.json"}), number
        shutil.rmtree(other.root, ignore_errors=True)
    assert outcomes == {True, False}  # a date in it says nothing


# Tracks ---------------------------------------------------------------------------------------------------------------


def two_tracks() -> VideoTracks:
    return VideoTracks(
        length=9,
        tracks=(
            FaceTrack(start=1, faces=(make_face(90, 80), None, make_face(92, 80))),
            FaceTrack(start=4, faces=(make_face(91, 80),)),
        ),
        cuts=(4,),
    )


def as_values(tracks: VideoTracks) -> tuple:
    faces = [
        [(index, face.score, face.box_xyxy.tolist(), face.landmarks.tolist()) for index, face in track.items()]
        for track in tracks.tracks
    ]
    return tracks.length, tracks.cuts, faces


def write_arrays(path: pathlib.Path, **others: object) -> None:
    write_tracks(path, two_tracks())
    with np.load(path / "tracks.npz") as file:
        arrays = {name: file[name] for name in file.files}
    with (path / "tracks.npz").open("wb") as file:
        np.savez(file, **{name: array for name, array in (arrays | others).items() if array is not None})


@pytest.mark.parametrize(
    "others",
    [
        *(
            {"length": np.int64(10**12)},
            {"length": np.int64(-1)},
            {"length": np.float64("nan")},
            {"length": np.int64(3)},
        ),
        *({"length": np.array([9])}, {"length": np.array("9")}, {"cuts": np.array([-1])}, {"cuts": np.array([10**12])}),
        *({"cuts": np.array([1.5])}, {"cuts": np.array(3)}, {"cuts": None}, {"track": np.array([0, 0, 10**12])}),
        *({"track": np.array([0, 0, 2])}, {"track": np.array([-1, 0, 1])}, {"track": np.array([0, 0])}),
        *({"track": np.array(0)}, {"frame": np.array([1, 1, 4])}, {"frame": np.array([1, 3, 10**12])}),
        *({"frame": np.array([-1, 3, 4])}, {"frame": np.array([1.0, 3.0, 4.0])}, {"frame": np.array(["1", "3", "4"])}),
        *({"box_xyxy": np.zeros((3, 4))}, {"box_xyxy": np.ones((3, 5))}, {"box_xyxy": np.full((3, 4), np.nan)}),
        *({"score": np.array([2.0, 0.5, 0.5])}, {"score": np.ones((3, 1))}, {"score": np.array([np.nan, 0.5, 0.5])}),
        *({"landmarks": np.ones((3, 68, 2))}, {"landmarks": np.full((3, 5, 2), np.inf)}, {"landmarks": np.zeros(0)}),
        *({"score": np.array([None, None, None])}, {"more": np.zeros(3)}, {"score": None}),
    ],
    ids=lambda others: " ".join(f"{name} {str(array):.24}" for name, array in others.items()),
)
def test_tracks_out_of_range_are_refused_at_once(tmp_path, others):
    write_arrays(tmp_path, **others)
    with pytest.raises(WorkspaceError, match=r"tracks\.npz: expected the tracks of a video"):
        read_tracks(tmp_path)


def test_tracks_that_claim_more_than_their_file_holds_are_refused(tmp_path):
    """Room for them must not be made: a video's worth of memory for a file of some hundred bytes."""
    write_tracks(tmp_path, two_tracks())
    with zipfile.ZipFile(tmp_path / "tracks.npz") as file:
        members = {name: file.read(name) for name in file.namelist()}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**13,)})
    members["score.npy"] = header.getvalue() + bytes(24)
    with zipfile.ZipFile(tmp_path / "tracks.npz", "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    with pytest.raises(
        WorkspaceError, match=r"score\.npy' does not have the 80,000,000,000,000 bytes that its header states"
    ):
        read_tracks(tmp_path)


def test_tracks_that_are_pressed_are_read_and_one_array_is_refused(tmp_path):
    write_arrays(tmp_path)
    with np.load(tmp_path / "tracks.npz") as file:
        arrays = {name: file[name] for name in file.files}
    with (tmp_path / "tracks.npz").open("wb") as file:
        np.savez_compressed(file, **arrays)
    assert as_values(read_tracks(tmp_path)) == as_values(two_tracks())
    with (tmp_path / "tracks.npz").open("wb") as file:
        np.save(file, arrays["score"])
    with pytest.raises(WorkspaceError, match="extract with --overwrite"):
        read_tracks(tmp_path)


def test_pressed_zeros_are_refused_before_room_is_made(tmp_path):
    """The faces of ten million frames in a few kilobytes."""
    write_arrays(tmp_path)
    with np.load(tmp_path / "tracks.npz") as file:
        arrays = {name: file[name] for name in file.files}
    with (tmp_path / "tracks.npz").open("wb") as file:
        np.savez_compressed(file, **(arrays | {"cuts": np.zeros(2_000_000, np.int64)}))
    with pytest.raises(WorkspaceError, match="unpacks to 16,000,128 bytes from"):
        read_tracks(tmp_path)


def test_a_flipped_bit_in_tracks_is_found_or_changes_nothing(tmp_path):
    write_tracks(tmp_path, two_tracks())
    path, wanted, found = tmp_path / "tracks.npz", as_values(two_tracks()), 0
    for number, damaged in enumerate(flip_bits(path.read_bytes(), 13)):
        path.write_bytes(damaged)
        try:
            assert as_values(read_tracks(tmp_path)) == wanted, number
        except WorkspaceError:
            found += 1
    assert found > number / 2


@pytest.mark.nightly
def test_every_flipped_bit_in_tracks(tmp_path):
    """All of them: the same tracks, or refused."""
    write_tracks(tmp_path, two_tracks())
    path, wanted = tmp_path / "tracks.npz", as_values(two_tracks())
    for number, damaged in enumerate(flip_bits(path.read_bytes(), 1)):
        path.write_bytes(damaged)
        with contextlib.suppress(WorkspaceError):
            assert as_values(read_tracks(tmp_path)) == wanted, number


# What was written before ----------------------------------------------------------------------------------------------


def test_facesets_that_extraction_wrote_are_read_bit_for_bit(small_workspace):
    for side in ("src", "dst"):
        folder = small_workspace.faces(side)
        records = read_manifest(folder)
        assert "".join(record.to_line() for record in records).encode() == (folder / "manifest.jsonl").read_bytes()
        read_tracks(folder), read_dropped(folder)
        assert read_source(folder)["video"].endswith(".mp4")


@pytest.mark.parametrize("line", ["", "3", "{}", '{"frame": 0, "track": 0, "reason": "tiny", "value": "3"}'])
def test_a_finished_extraction_with_a_damaged_list_of_dropped_faces_says_so(portrait_clips, workspace_copy, line):
    from tests.conftest import EXTRACT

    (workspace_copy.faces("src") / "dropped.jsonl").write_text(line + "\n")
    with pytest.raises(WorkspaceError, match=r"dropped\.jsonl:1"):
        extract_faces(portrait_clips[0], workspace_copy, "src", ListedDetector([]), config=EXTRACT)


def test_swapped_parts_are_not_written_through_a_link(workspace, victims, tmp_path):
    require_symlinks(tmp_path)
    out = Workspace(tmp_path / "out")
    out.faces("src").mkdir(parents=True)
    (out.faces("src") / "000001.jpg").symlink_to(victims / "photo.jpg")
    with pytest.raises(WorkspaceError, match="000001.jpg is there already"):
        swap_parts(Faceset.open(workspace, "src"), Faceset.open(workspace, "dst"), Part.MOUTH, out, "src")
    assert (out.faces("src") / "000001.jpg").is_symlink()


def test_a_temporary_name_that_is_a_link_is_not_written_through(workspace, victims):
    require_symlinks(workspace.root)
    aside = workspace.faces("src") / "set_aside"
    aside.mkdir()
    (aside / ".000001.partial.jpg").symlink_to(victims / "photo.jpg")
    exclude_crops(workspace, "src", ["000001.jpg"])
