"""All that reads files of others, with a valid file of each kind and what is said of it once it was read.

Modules are imported where they are used: a process has one reader.
"""

import json
import pathlib

from tests.trust.cases import Reader

STEPS = (3, 5)


def digest(array) -> list:
    """Says of an array what tells it from others."""
    import hashlib

    return [str(array.dtype), list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()[:16]]


def digest_json(value: object) -> str:
    """Says of plain JSON what tells it from others."""
    import hashlib

    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


# Facesets -------------------------------------------------------------------------------------------------------------


def prepare_manifest(folder: pathlib.Path) -> None:
    from faceswap_lib.facesets import write_manifest
    from tests.facesets.test_hostile_manifests import make_record

    write_manifest(folder / "face_src", [make_record(index) for index in range(6)])
    with_68 = [make_record(9)]
    (folder / "face_src" / "manifest.jsonl.68").write_text("".join(record.to_line() for record in with_68))


def read_manifest(folder: pathlib.Path) -> object:
    from faceswap_lib.facesets import read_manifest, write_manifest

    records = read_manifest(folder / "face_src")
    write_manifest(folder / "written", records)
    assert read_manifest(folder / "written") == records
    return [record.to_line() for record in records]


def prepare_source(folder: pathlib.Path) -> None:
    from faceswap_lib.atomic_io import write_json

    write_json(
        folder / "face_src" / "source.json", {"video": "anna.mp4", "sha256": "ab" * 32, "extract": {"frame_stride": 1}}
    )


def read_source(folder: pathlib.Path) -> object:
    from faceswap_lib.facesets import Workspace
    from faceswap_lib.facesets.consent import faceset_videos
    from faceswap_lib.facesets.source import read_source

    faceset_videos(Workspace(folder))
    return read_source(folder / "face_src")


def prepare_log(folder: pathlib.Path) -> None:
    from faceswap_lib.facesets.extraction_log import DroppedFace, ExtractionLog
    from tests.facesets.test_hostile_manifests import make_record

    (folder / "face_src").mkdir(exist_ok=True)
    log = ExtractionLog(folder / "face_src")
    for index in range(3):
        log.add(make_record(index))
        log.add(DroppedFace(frame=index, track=1, reason="tiny", value=20.5))


def read_log(folder: pathlib.Path) -> object:
    import dataclasses

    from faceswap_lib.facesets.extraction_log import ExtractionLog

    return [dataclasses.asdict(outcome) for outcome in ExtractionLog(folder / "face_src").outcomes]


def prepare_tracks(folder: pathlib.Path) -> None:
    from faceswap_lib.facesets.track_io import write_tracks
    from tests.trust.corpus_arrays import make_tracks

    write_tracks(folder / "face_src", make_tracks())
    write_tracks(folder / "other", make_tracks(2))
    (folder / "other" / "tracks.npz").rename(folder / "face_src" / "tracks.npz.other")


def read_tracks(folder: pathlib.Path) -> object:
    from faceswap_lib.facesets.track_io import read_tracks, write_tracks
    from tests.trust.corpus_arrays import tell_tracks

    tracks = read_tracks(folder / "face_src")
    told = tell_tracks(tracks)
    if tracks.length < 1000:
        write_tracks(folder / "out", tracks)
        assert tell_tracks(read_tracks(folder / "out")) == told
    return told


def prepare_consent(folder: pathlib.Path) -> None:
    from faceswap_lib.facesets import Workspace
    from faceswap_lib.facesets.consent import ConsentVideo, record_consent

    record_consent(Workspace(folder), "Anna agreed", [ConsentVideo(name="anna.mp4", sha256="ab" * 32)])
    record_consent(Workspace(folder), "Ben: yes, \u65e5\u672c", [ConsentVideo(name="1.mp4", sha256="12" * 32)])


def read_consent(folder: pathlib.Path) -> object:
    import dataclasses

    from faceswap_lib.facesets import Workspace
    from faceswap_lib.facesets.consent import ConsentVideo, cover_videos, read_consent

    workspace = Workspace(folder)
    cover_videos(workspace, [ConsentVideo(name="anna.mp4", sha256="ab" * 32)])
    return [dataclasses.asdict(consent) for consent in read_consent(workspace)]


def prepare_kept(folder: pathlib.Path) -> None:
    from faceswap_lib.facesets.backup_note import note_kept

    for number in range(3):
        note_kept(folder, "face_src.zip", f"{number}" * 64)
        note_kept(folder, "a/swap.mp4", f"{number + 5}" * 64)


def read_kept(folder: pathlib.Path) -> object:
    from faceswap_lib.facesets.backup_note import is_noted

    return [is_noted(folder, name, "2" * 64) for name in ("face_src.zip", "a/swap.mp4", "none")]


def prepare_archive(folder: pathlib.Path) -> None:
    from tests.trust.corpus_archive import write_valid

    write_valid(folder / "face_src.zip")
    write_valid(folder / "face_src.zip.other", 2)


def read_archive(folder: pathlib.Path) -> object:
    """As fetching does, which says errors of the disk, too."""
    from faceswap_lib.errors import WorkspaceError
    from faceswap_lib.facesets.archive import read_contents, read_directory, unpack

    place = folder / "out" / "deep"
    try:
        read_directory(folder / "face_src.zip")
        unpack(folder / "face_src.zip", place, ("face_src",))
    except OSError as error:
        raise WorkspaceError(f"face_src.zip: {error}") from error
    return sorted(read_contents(place, ("face_src",)).items())


def prepare_pack(folder: pathlib.Path) -> None:
    from tests.trust.corpus_deepfacelab import write_pack

    write_pack(folder / "faceset.pak")


def read_pack(folder: pathlib.Path) -> object:
    """Imports it, and reads all that is read of a face."""
    from faceswap_lib.facesets.deepfacelab.pak import PackedFaceset

    with PackedFaceset(folder / "faceset.pak") as pack:
        labels = [face.label for face in pack.faces]
    return [*import_faces(folder, "faceset.pak"), labels]


def prepare_face(folder: pathlib.Path) -> None:
    from tests.trust.corpus_deepfacelab import write_face

    write_face(folder / "aligned" / "00017_0.jpg")


def read_face(folder: pathlib.Path) -> object:
    from faceswap_lib.facesets.deepfacelab.jpeg_metadata import decode_mask, read_face_file, read_metadata

    path = folder / "aligned" / "00017_0.jpg"
    imported = import_faces(folder, "aligned")
    metadata = read_metadata(read_face_file(path), path)
    mask = None if metadata is None else decode_mask(metadata, path)
    return [*imported, None if mask is None else digest(mask)]


def import_faces(folder: pathlib.Path, name: str) -> list:
    """Imports a faceset of DeepFaceLab into a new workspace, without the lock, which asks for the computer's name."""
    from faceswap_lib.facesets import Faceset, Workspace, write_eye_masks
    from faceswap_lib.facesets.deepfacelab.import_target import ImportTarget
    from faceswap_lib.facesets.deepfacelab.source_faces import choose_person, open_source
    from faceswap_lib.facesets.deepfacelab.survey import survey_faces

    workspace = Workspace(folder / "out" / "workspace")
    with open_source(folder / name) as source:
        survey = survey_faces(source, choose_person(source, None), skip_damaged=False, progress=False)
        target = ImportTarget(
            workspace=workspace, side="dst", source={"video": "a", "sha256": "ab" * 32}, crop_size=256, fps=25
        )
        assert not target.prepare(overwrite=False)
        target.write_crops(source, survey.faces, skip_damaged=False, progress=False)
    write_eye_masks(workspace, "dst")
    faceset = Faceset.open(workspace, "dst")
    faceset.read_crops()
    return [len(faceset), survey.count_types(), [record.frame for record in faceset.records]]


# Runs -----------------------------------------------------------------------------------------------------------------


def prepare_config(folder: pathlib.Path) -> None:
    from faceswap_lib.atomic_io import write_json
    from tests.trust.corpus_run import make_config

    write_json(folder / "model" / "config.json", make_config())


def read_config(folder: pathlib.Path) -> object:
    """As training, conversion and mirror do."""
    from faceswap_lib.config_fields import options_to_dict
    from faceswap_lib.facesets import Workspace
    from faceswap_lib.training.run_identity import describe_run, find_other_faces, is_same_run
    from faceswap_lib.training.run_metadata import read_config, resolve_network_config, run_id, stored_training

    run = folder / "model"
    config, networks, training = read_config(run), resolve_network_config(run, None), stored_training(run)
    networks.widths, networks.stored_size  # noqa: B018
    describe_run(run), is_same_run(run, run), find_other_faces(run, Workspace(folder).root)
    return [run_id(run), config.get("facesets"), options_to_dict(networks), training and options_to_dict(training)]


def prepare_history(folder: pathlib.Path) -> None:
    from tests.trust.corpus_run import make_history

    (folder / "history.jsonl").write_text(make_history())


def read_history(folder: pathlib.Path) -> object:
    import math

    from faceswap_lib.training.history import read_history

    entries = read_history(folder / "history.jsonl")
    steps = [entry["step"] for entry in entries]
    assert steps == sorted(set(steps)) and all(math.isfinite(value) for entry in entries for value in entry.values())
    return entries


def prepare_checkpoint(folder: pathlib.Path) -> None:
    from faceswap_lib.training.checkpoint_file import write_file
    from tests.training.test_checkpoint_damage import make_arrays

    for step in STEPS:
        write_file(folder / "checkpoints" / f"step-{step:08d}.npz", make_arrays(step))
    write_file(folder / "other.npz", make_arrays(7))
    (folder / "other.npz").rename(folder / "checkpoints" / "step-00000005.npz.other")


def read_checkpoint(folder: pathlib.Path) -> object:
    """The step that is gone on from; its arrays must be those of that step."""
    from faceswap_lib.training.checkpoint_choice import checkpoint_progress, choose_checkpoint
    from tests.training.test_checkpoint_damage import SHAPES, make_arrays, same

    place = folder / "checkpoints"
    stored = choose_checkpoint(place, SHAPES)
    checkpoint_progress(place, thorough=False)
    step = stored.counters["step"]
    assert checkpoint_progress(place) == (0, step), (checkpoint_progress(place), step)
    return [step, same(stored.arrays, make_arrays(step))]


# What is stated and measured ------------------------------------------------------------------------------------------


def prepare_sidecar(folder: pathlib.Path) -> None:
    from faceswap_lib.provenance.provenance import write_provenance
    from tests.swaps import make_facts

    (folder / "anna.mp4").write_bytes(b"anna")
    (folder / "swap.mkv").write_bytes(b"\x1aE\xdf\xa3" + bytes(500))
    write_provenance(folder / "swap.mkv", make_facts((folder / "anna.mp4",)))


def read_sidecar(folder: pathlib.Path) -> object:
    from faceswap_lib.provenance.provenance import verify
    from faceswap_lib.provenance.sidecar import read_sidecar

    found = read_sidecar(folder / "swap.mkv")
    verdict = verify(folder / "swap.mkv")
    assert all(line.isprintable() for line in verdict.summary), verdict.summary
    assert verdict.ours == (found is not None and found.signature == "ours" and found.matches), (verdict, found)
    return ["absent"] if found is None else [found.matches, found.signature, verdict.ours and digest_json(found.facts)]


def prepare_report(folder: pathlib.Path) -> None:
    from tests.trust.corpus_report import make_report

    for number in range(2):
        make_report(number).write(folder / f"{number}.json")


def read_report(folder: pathlib.Path) -> object:
    """As `faceswap compare` does, and the page of one report."""
    from faceswap_lib.evaluation.html_report import write_comparison_page, write_report_page
    from faceswap_lib.evaluation.report import Report, check_limits

    reports = {str(number): Report.read(folder / f"{number}.json") for number in range(2)}
    write_comparison_page(reports, folder / "both.html")
    write_report_page(reports["0"], folder / "one.html", [])
    for name in ("both.html", "one.html"):
        assert "<script>alert" not in (folder / name).read_text(encoding="utf-8")
    check_limits(reports["0"].values | {"score": reports["0"].summary.score}, {"score": 30, "landmark_error": 0.1})
    reports["0"].write(folder / "again.json")
    assert (folder / "again.json").read_bytes() != b""
    return [reports["0"].frames, reports["0"].summary.verdict, sorted(reports["0"].series)]


# Media ----------------------------------------------------------------------------------------------------------------


def prepare_picture(folder: pathlib.Path) -> None:
    from tests.trust.corpus_media import write_pictures

    write_pictures(folder / "a.png")


def read_picture(folder: pathlib.Path) -> object:
    from faceswap_lib.media import read_image, read_mask
    from faceswap_lib.media.images import read_picture

    picture = read_picture(folder / "a.png")
    assert all(note.isprintable() for note in picture.notes), picture.notes
    image, mask = read_image(folder / "a.png"), read_mask(folder / "a.png")
    assert image.ndim == 3 and image.shape[2] == 3 and mask.shape == image.shape[:2] and str(image.dtype) == "uint8"
    return list(image.shape)


def prepare_video(folder: pathlib.Path) -> None:
    from tests.trust.corpus_media import write_videos

    write_videos(folder / "a.mp4")


def read_video(folder: pathlib.Path) -> object:
    """Frames and size: as a search for faces reads it, and as a conversion asks beforehand."""
    from faceswap_lib.media import probe_video, read_timed_frames

    info, shapes, last = probe_video(folder / "a.mp4"), set(), -1.0
    count = 0
    for time, frame in read_timed_frames(folder / "a.mp4"):
        assert time >= last and frame.ndim == 3, (time, last, frame.shape)
        shapes.add(frame.shape)
        last, count = time, count + 1
    assert info.width > 0 and info.height > 0 and info.fps > 0
    return [count, sorted(map(list, shapes))]


# Weights --------------------------------------------------------------------------------------------------------------


def prepare_hdf5(folder: pathlib.Path) -> None:
    from tests.networks.test_hostile_hdf5 import write

    write(folder / "a.h5")
    write(folder / "a.h5.other", compression="gzip", shuffle=True)


def read_hdf5(folder: pathlib.Path) -> object:
    """As the process does that the library starts for it, whose ValueErrors become ours."""
    import numpy as np

    from faceswap_lib.errors import CheckpointError
    from faceswap_lib.networks.pretrained.hdf5_reading import read_into
    from faceswap_lib.networks.pretrained.weight_files import _receive

    out = folder / "out"
    out.mkdir()
    try:
        read_into(folder / "a.h5", out)
    except ValueError as error:
        raise CheckpointError(f"a.h5: {error}") from error
    index, arrays = _receive({path.name: path.read_bytes() for path in out.iterdir()}, folder / "a.h5")
    assert not any((array == np.float32(4711)).any() for array in arrays.values())
    return [index, [digest(array) for array in arrays.values()]]


def prepare_onnx(folder: pathlib.Path) -> None:
    import numpy as np

    from tests.export import test_hostile_onnx as maker

    weights = maker.tensor(np.ones((2, 2), np.float32))
    (folder / "net.onnx").write_bytes(maker.model(weights=[weights]).SerializeToString())
    (folder / "net.onnx.other").write_bytes(maker.nested(2).SerializeToString())
    (folder / "own.bin").write_bytes(np.full(16, 2, np.float32).tobytes())


def read_onnx(folder: pathlib.Path) -> object:
    """As the process does that the library starts to try a network."""
    from faceswap_lib.evaluation.onnx_embedder import OnnxEmbedder

    embedder = OnnxEmbedder(folder / "net.onnx", is_tried=False)
    return embedder._length


_ALL = (
    Reader(
        name="manifest",
        file="face_src/manifest.jsonl",
        prepare=prepare_manifest,
        read=read_manifest,
        corpus="corpus_facesets",
        form="lines",
        share=600,
        others=(".68",),
    ),
    Reader(
        name="source",
        file="face_src/source.json",
        prepare=prepare_source,
        read=read_source,
        corpus="corpus_facesets",
        form="json",
        share=2000,
    ),
    Reader(
        name="extraction log",
        file="face_src/unfinished.jsonl",
        prepare=prepare_log,
        read=read_log,
        corpus="corpus_facesets",
        form="lines",
        share=1500,
    ),
    Reader(
        name="tracks",
        file="face_src/tracks.npz",
        prepare=prepare_tracks,
        read=read_tracks,
        corpus="corpus_arrays",
        form="zip",
        share=2000,
        others=(".other",),
    ),
    Reader(
        name="consent",
        file="consent.yaml",
        prepare=prepare_consent,
        read=read_consent,
        corpus="corpus_facesets",
        form="yaml",
        share=2000,
    ),
    Reader(
        name="kept note",
        file="kept.json",
        prepare=prepare_kept,
        read=read_kept,
        corpus="corpus_facesets",
        form="json",
        share=2000,
    ),
    Reader(
        name="archive",
        file="face_src.zip",
        prepare=prepare_archive,
        read=read_archive,
        corpus="corpus_archive",
        form="zip",
        share=1000,
        others=(".other",),
    ),
    Reader(
        name="packed faceset",
        file="faceset.pak",
        prepare=prepare_pack,
        read=read_pack,
        corpus="corpus_deepfacelab",
        share=500,
        others=(".other",),
    ),
    Reader(
        name="aligned face",
        file="aligned/00017_0.jpg",
        prepare=prepare_face,
        read=read_face,
        corpus="corpus_deepfacelab",
        share=500,
        others=(".other",),
    ),
    Reader(
        name="config",
        file="model/config.json",
        prepare=prepare_config,
        read=read_config,
        corpus="corpus_run",
        form="json",
        share=500,
    ),
    Reader(
        name="history",
        file="history.jsonl",
        prepare=prepare_history,
        read=read_history,
        corpus="corpus_run",
        form="lines",
        share=2000,
    ),
    Reader(
        name="checkpoint",
        file="checkpoints/step-00000005.npz",
        prepare=prepare_checkpoint,
        read=read_checkpoint,
        corpus="corpus_arrays",
        form="zip",
        share=800,
        holds=lambda result, whole: result[1] is True,
        others=(".other",),
    ),
    Reader(
        name="sidecar",
        file="swap.mkv.provenance.json",
        prepare=prepare_sidecar,
        read=read_sidecar,
        corpus="corpus_report",
        form="json",
        share=1500,
        holds=lambda result, whole: result == whole or not result[0] or result[1] != "ours",
    ),
    Reader(
        name="report",
        file="0.json",
        prepare=prepare_report,
        read=read_report,
        corpus="corpus_report",
        form="json",
        share=100,
    ),
    Reader(
        name="picture",
        file="a.png",
        prepare=prepare_picture,
        read=read_picture,
        corpus="corpus_media",
        form="png",
        share=2000,
        others=(".jpg", ".webp", ".tif", ".gif", ".jp2", ".bmp"),
    ),
    Reader(
        name="video",
        file="a.mp4",
        prepare=prepare_video,
        read=read_video,
        corpus="corpus_media",
        share=600,
        others=(".mkv", ".ts", ".avi"),
    ),
    Reader(
        name="HDF5 weights",
        file="a.h5",
        prepare=prepare_hdf5,
        read=read_hdf5,
        corpus="corpus_networks",
        share=1000,
        is_isolated=True,
        others=(".other",),
    ),
    Reader(
        name="ONNX",
        file="net.onnx",
        prepare=prepare_onnx,
        read=read_onnx,
        corpus="corpus_networks",
        share=500,
        is_isolated=True,
        others=(".other",),
    ),
)

READERS = {reader.name: reader for reader in _ALL}


def find_reader(name: str) -> Reader:
    """The reader of a name, those that do wrong on purpose among them."""
    from tests.trust.bad_readers import BAD_READERS

    return (READERS | BAD_READERS)[name]
