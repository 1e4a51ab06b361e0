"""Whatever a value on disk may be: written and read it is the same, and any other JSON is it or an error of ours."""

import dataclasses
import json
import pathlib
import tempfile
import types
import typing

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faceswap_lib.config_fields import options_from_dict, options_to_dict
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.resume import ChunkStats, ChunkStore
from faceswap_lib.conversion.written import WrittenFiles
from faceswap_lib.errors import FaceswapError, InputError, WorkspaceError
from faceswap_lib.evaluation.config import EvaluateConfig
from faceswap_lib.evaluation.report import Report
from faceswap_lib.evaluation.score import Summary
from faceswap_lib.faces import Face, FaceTrack, VideoTracks
from faceswap_lib.faces.detector import DetectConfig
from faceswap_lib.faces.smoothing import SmoothConfig
from faceswap_lib.faces.tracking import TrackConfig
from faceswap_lib.facesets import CropRecord, ExtractConfig, Workspace, read_manifest, write_manifest
from faceswap_lib.facesets.backup_note import REMEMBERED, is_noted, note_kept
from faceswap_lib.facesets.consent import read_consent, record_consent
from faceswap_lib.facesets.consent_file import ConsentVideo, valid_text
from faceswap_lib.facesets.extraction_log import DroppedFace, ExtractionLog
from faceswap_lib.facesets.manifest import build_record, parse_object
from faceswap_lib.facesets.track_io import read_tracks, write_tracks
from faceswap_lib.locks.lock_file import SIZE, Holder, clean_text, parse_holder
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.provenance.people_count import PeopleCount, describe_people
from faceswap_lib.provenance.provenance import ProvenanceClaims, verify, write_provenance
from faceswap_lib.provenance.sidecar import sidecar_path
from faceswap_lib.provenance.statement import describe_facts, to_plain
from faceswap_lib.training import LoopConfig, TrainConfig
from faceswap_lib.training.checkpoint_file import COUNTERS, GROUPS, MOST, read_file, write_file
from faceswap_lib.training.divergence import new_memory
from faceswap_lib.training.history import HistoryWriter, read_history
from tests.facesets.test_hostile_manifests import make_record
from tests.trust.corpus_arrays import tell_tracks
from tests.trust.corpus_report import make_report

CONFIGS = (
    *(NetworkConfig, TrainConfig, LoopConfig, ExtractConfig, DetectConfig, SmoothConfig, TrackConfig, ConvertConfig),
    *(OutputConfig, EvaluateConfig),
)

quick = settings(
    max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
few = settings(quick, max_examples=12)

finite = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=60)
any_text = st.text(st.characters(exclude_categories=()), max_size=60)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
names = st.text(st.characters(categories=("L", "N"), include_characters="_-"), min_size=1, max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(any_text, inner, max_size=5),
    max_leaves=20,
)
"""Any JSON."""


@pytest.fixture(scope="module")
def folder() -> typing.Iterator[pathlib.Path]:
    """A folder that all examples of a test share."""
    with tempfile.TemporaryDirectory() as made:
        yield pathlib.Path(made)


def fresh(folder: pathlib.Path) -> pathlib.Path:
    """A folder of one example's own."""
    return pathlib.Path(tempfile.mkdtemp(dir=folder))


# Facesets -------------------------------------------------------------------------------------------------------------


@st.composite
def records(draw: st.DrawFn, name: str | None = None) -> CropRecord:
    """Records of faces anywhere, of any size, turned in any way."""
    base = make_record(draw(st.integers(0, 50)))
    scale, (x, y) = draw(st.floats(0.05, 1000)), draw(st.tuples(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5)))
    points = [(scale * px + x, scale * py + y) for px, py in base.landmarks]
    matrix = [(a / scale, b / scale, c - (a * x + b * y) / scale) for a, b, c in base.crop_from_frame]
    numbers = st.tuples(st.floats(-1e5, 1e5), st.floats(0.1, 1e5))
    (left, width), (top, height) = draw(numbers), draw(numbers)
    has_68 = draw(st.booleans())
    cloud = draw(st.integers(0, 2**32 - 1))
    spread = np.random.default_rng(cloud).uniform(0, 100, (68, 2)) * scale + (x, y)
    return dataclasses.replace(
        base,
        crop=name or draw(names.filter(lambda each: each.lower() not in ("con", "nul", "aux", "prn"))) + ".jpg",
        frame=draw(st.integers(0, 10**9)),
        time=draw(st.floats(-1e9, 1e9)),
        box_xyxy=(left, top, left + width, top + height),
        landmarks=tuple(points),
        crop_from_frame=tuple(matrix),
        score=draw(st.floats(0, 1)),
        sharpness=draw(st.floats(0, 1e9)),
        track=draw(st.integers(0, 10**9)),
        landmarks_68=tuple(map(tuple, spread.tolist())) if has_68 else None,
    )


@quick
@given(data=st.data())
def test_records_of_crops(folder, data):
    made = [data.draw(records(f"{index:06d}.png")) for index in range(data.draw(st.integers(0, 3)))]
    place = fresh(folder)
    write_manifest(place, made)
    assert read_manifest(place) == made


dropped = st.builds(
    DroppedFace,
    frame=st.integers(0, 10**9),
    track=st.integers(0, 10**9),
    reason=st.sampled_from(("tiny", "blurred")),
    value=st.floats(0, 1e9),
)


@quick
@given(outcomes=st.lists(dropped, max_size=4), record=records("000000.jpg"))
def test_the_log_of_an_extraction(folder, outcomes, record):
    place = fresh(folder)
    log = ExtractionLog(place)
    for outcome in (*outcomes, record):
        log.add(outcome)
    assert ExtractionLog(place).outcomes == [*outcomes, record]


@quick
@given(
    kind=st.sampled_from((CropRecord, DroppedFace)), values=st.dictionaries(texts, plain, max_size=8), data=st.data()
)
def test_any_json_as_a_record_is_one_or_refused(kind, values, data):
    good = options_to_dict(make_record(1) if kind is CropRecord else data.draw(dropped))
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(good)), plain, max_size=3))
    for each in (values, good | changed):
        line = json.dumps(each)
        try:
            record = build_record(kind, parse_object(line, "a:1"), "a:1")
        except WorkspaceError as error:
            assert str(error).startswith("a:1")
        else:
            assert build_record(kind, json.loads(json.dumps(options_to_dict(record))), "b") == record


@st.composite
def tracks(draw: st.DrawFn) -> VideoTracks:
    length = draw(st.integers(1, 12))
    numbers = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    made = []
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, length - 1))
        count = draw(st.integers(1, length - start))
        seen = [True, *draw(st.lists(st.booleans(), min_size=max(0, count - 2), max_size=max(0, count - 2))), True][
            :count
        ]
        corners = numbers.uniform(-1e4, 1e4, (count, 2))
        faces = (
            Face(
                box_xyxy=np.concatenate([corner, corner + numbers.uniform(1, 500, 2)]),
                score=float(numbers.uniform()),
                landmarks=numbers.uniform(-1e4, 1e4, (5, 2)),
            )
            for corner in corners
        )
        made.append(
            FaceTrack(
                start=start, faces=tuple(face if is_seen else None for face, is_seen in zip(faces, seen, strict=True))
            )
        )
    cuts = draw(st.sets(st.integers(0, length - 1), max_size=3))
    people = draw(st.none() | st.tuples(st.integers(0, 5), st.integers(5, 10**6)))
    return VideoTracks(length=length, tracks=tuple(made), cuts=tuple(sorted(cuts)), seen=people)


@quick
@given(made=tracks())
def test_tracks(folder, made):
    place = fresh(folder)
    write_tracks(place, made)
    assert tell_tracks(read_tracks(place)) == tell_tracks(made)


@quick
@given(entries=st.lists(st.tuples(any_text, st.lists(st.tuples(any_text, digests), max_size=3)), max_size=4))
def test_consents(folder, entries):
    workspace = Workspace(fresh(folder))
    expected = []
    for statement, videos in entries:
        try:
            text = valid_text(statement).strip()
            named = tuple(ConsentVideo(name=valid_text(name), sha256=digest) for name, digest in videos)
        except UnicodeEncodeError:  # halves of a letter that no argument or file name has
            continue
        if text:
            record_consent(workspace, statement, named)
            expected += [] if (text, named) in expected else [(text, named)]
    assert [(consent.statement, consent.videos) for consent in read_consent(workspace)] == expected


@quick
@given(kept=st.lists(st.tuples(texts, digests), max_size=30))
def test_notes_of_what_was_kept(folder, kept):
    place = fresh(folder)
    for name, digest in kept:
        note_kept(place, name, digest)
    for name, digest in kept:
        newest = list(dict.fromkeys(other for each, other in reversed(kept) if each == name))[:REMEMBERED]
        assert is_noted(place, name, digest) == (digest in newest)


# Options --------------------------------------------------------------------------------------------------------------


def values_of(kind: object) -> st.SearchStrategy:
    """Values of the type of a field."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values_of(each) for each in inner])
    if origin is tuple:
        return (
            st.lists(values_of(inner[0]), max_size=3).map(tuple)
            if inner[-1] is ...
            else st.tuples(*map(values_of, inner))
        )
    known = {
        int: st.integers(0, 300) | st.integers(),
        float: st.floats(0, 1) | finite,
        bool: st.booleans(),
        str: texts | st.sampled_from(("90s", "1h30m", "")),
        pathlib.Path: texts.filter(lambda text: "\0" not in text).map(pathlib.Path),
        type(None): st.none(),
    }
    return known[kind]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
@quick
@given(data=st.data())
def test_options(config, data):
    hints = typing.get_type_hints(config, include_extras=True)
    name = data.draw(st.sampled_from([field.name for field in dataclasses.fields(config)]))
    value = data.draw(values_of(typing.get_args(hints[name])[0]))
    try:
        options = config(**{name: value})
    except InputError:
        return
    assert options_from_dict(config, json.loads(json.dumps(options_to_dict(options)))) == options


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
@quick
@given(data=st.data(), other=plain)
def test_any_json_as_options_is_options_or_refused(config, data, other):
    known = st.sampled_from([field.name for field in dataclasses.fields(config)])
    changed = data.draw(st.dictionaries(known, plain, max_size=3))
    for values in (other, changed, other | changed if isinstance(other, dict) else changed):
        try:
            options = options_from_dict(config, json.loads(json.dumps(values)), origin="config.json")
        except InputError as error:
            assert str(error).startswith("config.json: ") and str(error).isprintable()
        else:
            assert options_from_dict(config, json.loads(json.dumps(options_to_dict(options)))) == options


# Runs -----------------------------------------------------------------------------------------------------------------


@few
@given(data=st.data(), seconds=st.floats(0, 1e12))
def test_checkpoints(folder, data, seconds):
    numbers = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    kinds, sides = st.sampled_from(("f4", "f8", "f2", "i4", "u1", "?")), st.lists(st.integers(0, 4), max_size=4)
    arrays = {
        f"{group}/000": (numbers.uniform(-9, 9, data.draw(sides)) * 10).astype(data.draw(kinds)) for group in GROUPS
    }
    counters = {name: data.draw(st.integers(0, most)) for name, most in MOST.items()}
    counters["strikes"] = min(counters["strikes"], counters["rollbacks"])
    position = np.array([counters[name] for name in COUNTERS], np.int64)
    path = fresh(folder) / "step-00000001.npz"
    write_file(path, arrays | {"position": position, "seconds": np.float64(seconds), "watched": new_memory()})
    stored = read_file(path)
    assert stored.counters == counters and stored.seconds == seconds and stored.has_digest
    for name, array in arrays.items():
        found = stored.arrays[name]
        assert found.dtype == array.dtype and found.shape == array.shape and found.tobytes() == array.tobytes()


@quick
@given(
    lines=st.dictionaries(
        st.integers(1, 10**8),
        st.dictionaries(names.filter(lambda name: name != "step"), finite, max_size=4),
        max_size=5,
    )
)
def test_histories(folder, lines):
    path, written = fresh(folder) / "history.jsonl", []
    writer = HistoryWriter(path, 0)
    for step, terms in sorted(lines.items()):
        writer.write(step, terms)
        written.append({"step": step} | {name: round(value, 6) for name, value in terms.items()})
    writer.close()
    assert read_history(path) == written


printable = st.text(max_size=300).map(clean_text)


@quick
@given(
    values=st.tuples(
        printable, printable, st.integers(0, 2**31), printable, printable, printable, st.integers(0, 2**62)
    ),
    other=plain,
)
def test_holders_of_locks(values, other):
    holder = Holder(**dict(zip((field.name for field in dataclasses.fields(Holder)), values, strict=True)))
    data = json.dumps(dataclasses.asdict(holder), ensure_ascii=False).encode().ljust(SIZE - 1) + b"\n"
    assert parse_holder(data) == holder
    for junk in (json.dumps(other), json.dumps(dataclasses.asdict(holder) | {"host": other, "beat": other})):
        found = parse_holder(junk.encode())
        assert found is None or isinstance(found, Holder)


# Conversion -----------------------------------------------------------------------------------------------------------


@quick
@given(
    ranges=st.tuples(
        st.none() | st.tuples(st.integers(0, 99), st.integers(99, 10**6)),
        st.tuples(st.integers(0, 99), st.integers(99, 10**6)),
    ),
    other=plain,
)
def test_counts_of_people(ranges, other):
    count = PeopleCount(seen=ranges[0], swapped=ranges[1])
    facts = json.loads(json.dumps(count.to_facts()))
    assert facts == count.to_facts() and describe_people(facts) == count.to_text() != ""
    for junk in (other, {"seen": other, "swapped": facts["swapped"]}, {"swapped": other}):
        assert isinstance(describe_people(junk), str)


@few
@given(
    run=any_text,
    run_id=any_text,
    steps=st.integers(0, 10**9),
    consent=st.lists(any_text, max_size=3),
    uncovered=st.lists(any_text, max_size=3),
    options=st.dictionaries(any_text, plain, max_size=4),
)
def test_what_a_swap_states_in_a_sidecar(folder, run, run_id, steps, consent, uncovered, options):
    place = fresh(folder)
    (place / "anna.mp4").write_bytes(b"anna")
    (place / "swap.mkv").write_bytes(b"\x1aE\xdf\xa3" + bytes(100))
    facts = ProvenanceClaims(
        inputs=(place / "anna.mp4",),
        run=run,
        run_id=run_id,
        steps=steps,
        direction="a2b",
        consent=tuple(consent),
        options=options,
        uncovered=tuple(uncovered),
    )
    write_provenance(place / "swap.mkv", facts)
    verdict = verify(place / "swap.mkv")
    assert verdict.ours and verdict.intact and all(line.isprintable() for line in verdict.summary)
    expected = to_plain({"run": run, "run_id": run_id, "steps": steps, "consent": consent, "options": options})
    assert {name: verdict.facts[name] for name in expected} == expected
    assert sidecar_path(place / "swap.mkv").is_file()


@quick
@given(
    facts=st.dictionaries(
        st.sampled_from(("inputs", "consent", "options", "people", "steps", "title", "no_consent_for")), plain
    )
)
def test_any_statement_is_said_in_printable_lines(facts):
    assert all(about.isprintable() and said.isprintable() for about, said in describe_facts(facts))


@few
@given(data=st.data())
def test_notes_of_pieces(folder, data):
    out = fresh(folder) / "swap.mp4"
    plan = json.loads(
        json.dumps(
            data.draw(st.dictionaries(texts, plain.filter(lambda value: value == value), max_size=3)), allow_nan=True
        )
    )
    numbers = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    count = data.draw(st.integers(0, 3))
    notes = ChunkStats(
        frames=data.draw(st.integers(0, 240)),
        swapped=data.draw(st.integers(0, 240)),
        masks=numbers.uniform(0, 1, count).tolist(),
        samples=list(numbers.integers(0, 256, (count, 2, 8, 8, 3), np.uint8)),
        points=list(numbers.uniform(0, 256, (count, 5, 2))),
        seconds=numbers.uniform(0, 100, count).tolist(),
        state={"mean": numbers.uniform(0, 1, (2, 3))} if data.draw(st.booleans()) else {},
    )
    pieces = ChunkStore(out, {"plan": "x"} | {"more": json.dumps(plan)})
    pieces.path("picture", 0, ".mkv").write_bytes(b"x")
    pieces.finish(notes)
    (found,) = ChunkStore(out, {"plan": "x"} | {"more": json.dumps(plan)}).done
    for name in ("frames", "swapped", "masks", "seconds"):
        assert getattr(found, name) == getattr(notes, name)
    for one, other in ((found.samples, notes.samples), (found.points, notes.points)):
        assert len(one) == len(other) and all(map(np.array_equal, one, other))
    assert found.state.keys() == notes.state.keys()
    assert all(np.array_equal(found.state[name], notes.state[name]) for name in notes.state)
    assert ChunkStore(out, {"plan": "y"}).done == []


@few
@given(written=st.dictionaries(names, st.binary(max_size=50), min_size=1, max_size=4), made_of=any_text)
def test_lists_of_what_was_written(folder, written, made_of):
    place = fresh(folder)
    files = WrittenFiles(place)
    for number, (name, data) in enumerate(written.items()):
        path = place / f"{number}-{name}.png"
        path.write_bytes(data)
        files.add(path, path.name, made_of)
    again = WrittenFiles(place)
    for path in place.glob("*.png"):
        assert again.is_made_of(path, made_of) and not again.is_made_of(path, made_of + "x")
        path.write_bytes(path.read_bytes() + b"x")
        assert not again.is_ours(path)


# Evaluation -----------------------------------------------------------------------------------------------------------

numbers_by_name = st.dictionaries(texts, st.none() | finite, max_size=4)


@quick
@given(
    inputs=st.dictionaries(texts, texts, max_size=3),
    frames=st.integers(0, 10**9),
    fps=st.floats(0.01, 1e6),
    summary=st.builds(
        Summary, score=st.none() | finite, parts=st.dictionaries(texts, finite, max_size=3), verdict=texts
    ),
    values=numbers_by_name,
    series=st.dictionaries(texts, st.lists(st.none() | st.floats(-6e4, 6e4, width=16), max_size=5), max_size=3),
    baselines=st.dictionaries(texts, numbers_by_name, max_size=3),
    breakdown=st.dictionaries(texts, st.dictionaries(texts, numbers_by_name, max_size=2), max_size=2),
)
def test_reports(folder, inputs, frames, fps, summary, values, series, baselines, breakdown):
    arrays = {
        name: np.array([np.nan if value is None else value for value in each], float) for name, each in series.items()
    }
    report = Report(
        inputs=inputs,
        networks=inputs,
        frames=frames,
        fps=fps,
        summary=summary,
        values=values,
        skipped=inputs,
        series=arrays,
        baselines=baselines,
        breakdown=breakdown,
    )
    path = fresh(folder) / "report.json"
    report.write(path)
    found = Report.read(path)
    for field in dataclasses.fields(Report):
        if field.name != "series":
            assert getattr(found, field.name) == getattr(report, field.name)
    for name, array in arrays.items():
        assert np.allclose(found.series[name], array, rtol=1e-5, equal_nan=True)


@quick
@given(
    changed=st.dictionaries(
        st.sampled_from([field.name for field in dataclasses.fields(Report)]), plain, min_size=1, max_size=2
    )
)
def test_any_json_as_a_report_is_one_or_refused(folder, changed):
    path = fresh(folder) / "report.json"
    make_report().write(path)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changed))
    try:
        Report.read(path).write(path)
    except FaceswapError as error:
        assert "expected" in str(error)
    else:
        Report.read(path)
