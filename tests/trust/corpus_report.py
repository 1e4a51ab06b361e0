"""Hostile sidecars and reports of an evaluation."""

import json
import pathlib
import typing

import numpy as np

from tests.trust.cases import Case, damaged_texts
from tests.trust.corpus_facesets import many_lists


def is_broken(found: object) -> bool:
    """True where a sidecar is said to have been changed."""
    return isinstance(found, list) and found[1] == "broken"


def cases(name: str) -> list[Case]:
    """The hostile files of a reader."""
    return {"sidecar": sidecars, "report": reports}[name]()


def make_report(number: int = 0):
    """A report of three frames."""
    from faceswap_lib.evaluation.metrics import METRICS
    from faceswap_lib.evaluation.report import Report
    from faceswap_lib.evaluation.score import summarize

    values = {name: 0.5 + 0.1 * number for name in METRICS} | {"flicker": None}
    return Report(
        inputs={"swapped": "swap.mp4", "original": "anna.mp4", "identity": "ben.mp4"},
        networks={"landmarks": "68", "recognition": "dlib", "perceptual": "none"},
        frames=3,
        fps=25.0,
        summary=summarize(values),
        values=values,
        skipped={"gaze": "too small"},
        series={"landmark_error": np.array([0.1, np.nan, 0.2]), "identity_distance": np.array([0.5, 0.5, 0.4])},
        baselines={"copy": dict.fromkeys(METRICS, 0.2), "swap": dict.fromkeys(METRICS)},
        breakdown={"yaw": {"left": {"landmark_error": 0.1}, "front": {"landmark_error": None}}},
    )


def plain_report() -> dict:
    """As it is written."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        make_report().write(pathlib.Path(folder) / "a.json")
        return json.loads((pathlib.Path(folder) / "a.json").read_text(encoding="utf-8"))


def sidecars() -> list[Case]:
    """A sidecar that nobody here signed as it is says so; `ours` is never said of one."""
    import tempfile

    from tests.trust.readers import prepare_sidecar

    with tempfile.TemporaryDirectory() as folder:
        prepare_sidecar(pathlib.Path(folder))
        good = json.loads((pathlib.Path(folder) / "swap.mkv.provenance.json").read_text(encoding="utf-8"))
    signature, unsigned = good["signature"], good | {"signature": None}

    def text(**values: object) -> str:
        return json.dumps(good | values)

    def unsigned_facts(facts: object) -> str:
        return json.dumps(unsigned | {"facts": facts})

    made = [Case(case.name, case.content, is_broken) for case in damaged_texts()]
    for key in good:
        made.append(
            Case(f"no {key}", json.dumps({name: value for name, value in good.items() if name != key}), is_broken)
        )
    for value in (0, 1, 3, -1, True, None, "2", [2], {}, 10**400, float("nan"), 2.5):
        made.append(Case(f"schema is {value!r:.20}", text(schema=value), is_broken))
    for value in (
        3,
        "x",
        [],
        {},
        {"algorithm": "none"},
        signature | {"algorithm": "RS256"},
        signature | {"more": 1},
        signature | {"value": ""},
        signature | {"value": None},
        signature | {"value": "\ud800"},
        signature | {"public_key": "AAAA"},
        signature | {"public_key": [1]},
        signature | {"value": "A" * 1_000_000},
        signature | {"algorithm": ["Ed25519"]},
    ):
        made.append(Case(f"signature is {str(value)[-40:]!r}", text(signature=value), is_broken))
    for value in (None, 3, "x", [], True):
        made.append(Case(f"facts are {value!r}", text(facts=value), is_broken))
        made.append(Case(f"unsigned: facts are {value!r}", unsigned_facts(value), is_broken))
    hostile: tuple[object, ...] = (
        None,
        True,
        3,
        -1,
        1e308,
        10**300,
        "\x1b[2J",
        "\u202egnp",
        "x" * 100_000,
        "\ud800",
        "a\nb",
        [],
        {},
        [[]],
        [None] * 1000,
        {"a": {"b": {}}},
    )
    for key in ("program", "inputs", "consent", "options", "people", "steps", "time", "no_consent_for", "title"):
        for value in hostile:
            facts = good["facts"] | {key: value}
            made.append(Case(f"unsigned: {key} is {value!r:.20}", unsigned_facts(facts), [True, "none", False]))
    made += [
        Case("the facts are others", text(facts=good["facts"] | {"run": "another"}), is_broken),
        Case("a word is another", text(kind="folder"), is_broken),
        Case("a key twice", json.dumps(good)[:-1] + ', "facts": {}}', is_broken),
        Case("a deep key twice", json.dumps(good).replace('"run":', '"run": "x", "run":'), is_broken),
        Case("a number that is none", json.dumps(good).replace(str(good["facts"]["steps"]), "NaN"), is_broken),
        Case("too long", b"{" + b" " * 9_000_000),
        Case("a folder", pathlib.Path.mkdir, is_broken),
        Case("a link to nowhere", lambda path: path.symlink_to("gone"), is_broken),
        Case("a device", lambda path: path.symlink_to("/dev/zero"), is_broken),
    ]
    return made


def reports() -> list[Case]:
    good = plain_report()
    wrong: dict[str, tuple[object, ...]] = {
        "schema": (None, 0, 3, "1", True, [1], {}),
        "inputs": (None, 3, "x", [], ["a"], {"original": [1]}, {"original": {"a": 1}}, {"original": None}),
        "networks": (None, 3, "x", [1], {"landmarks": [1]}, {"landmarks": None}),
        "frames": (None, "3", [3], {}, 2.5, True, -1, 10**400),
        "fps": (None, "25", [25], {}, True, 0, -1, float("nan"), float("inf"), 10**400),
        "summary": (
            None,
            3,
            "x",
            [],
            {},
            {"score": 3},
            good["summary"] | {"more": 1},
            good["summary"] | {"score": "x"},
            good["summary"] | {"score": [1]},
            good["summary"] | {"score": 10**400},
            good["summary"] | {"parts": None},
            good["summary"] | {"parts": [1]},
            good["summary"] | {"parts": {"identity": "x"}},
            good["summary"] | {"verdict": None},
            good["summary"] | {"verdict": [1]},
        ),
        "values": (
            None,
            3,
            "x",
            [],
            {"landmark_error": "x"},
            {"landmark_error": [1]},
            {"landmark_error": {}},
            {"landmark_error": 10**400},
            {"landmark_error": True},
        ),
        "skipped": (None, 3, "x", [1], {"gaze": None}, {"gaze": [1]}, {"gaze": {}}),
        "series": (
            None,
            3,
            "x",
            [1],
            {"landmark_error": None},
            {"landmark_error": 3},
            {"landmark_error": "abc"},
            {"landmark_error": ["a"]},
            {"landmark_error": [[1], [2]]},
            {"landmark_error": [[1], 2]},
            {"landmark_error": [{}]},
            {"landmark_error": [10**400]},
            {"landmark_error": {"a": 1}},
        ),
        "baselines": (None, 3, "x", [1], {"copy": None}, {"copy": [1]}, {"copy": {"landmark_error": "x"}}),
        "breakdown": (
            None,
            3,
            "x",
            [1],
            {"yaw": None},
            {"yaw": [1]},
            {"yaw": {"left": None}},
            {"yaw": {"left": {"landmark_error": "x"}}},
        ),
    }
    made = [*damaged_texts()]
    for key, values in wrong.items():
        made += [Case(f"{key} is {json.dumps(value)[:60]}", json.dumps(good | {key: value})) for value in values]
        made.append(Case(f"no {key}", json.dumps({name: value for name, value in good.items() if name != key})))

    def is_read(result: typing.Any) -> bool:
        return isinstance(result, list) and result[0] == 3

    script = "<script>alert(1)</script>"
    made += [
        Case("a key more", json.dumps(good | {"more": 1})),
        Case("a script as the verdict", json.dumps(good | {"summary": good["summary"] | {"verdict": script}}), is_read),
        Case("scripts as names", json.dumps(good | {"inputs": {"original": script, "swapped": script}}), is_read),
        Case("scripts as reasons", json.dumps(good | {"skipped": {script: script}}), is_read),
        Case("scripts as networks", json.dumps(good | {"networks": {script: script}}), is_read),
        Case("metrics that nobody knows", json.dumps(good | {"values": good["values"] | {script: 0.5}}), is_read),
        Case("a series that nobody knows", json.dumps(good | {"series": {script: [1, 2, None]}}), is_read),
        Case(
            "a class with a script",
            json.dumps(good | {"breakdown": {script: {script: {"landmark_error": 0.1}}}}),
            is_read,
        ),
        Case(
            "no numbers at all",
            json.dumps(good | {"values": {}, "series": {}, "baselines": {}, "breakdown": {}}),
            is_read,
        ),
        Case("a series without end", json.dumps(good | {"series": {"landmark_error": [0.5] * 200_000}}), is_read),
        Case("half a letter", json.dumps(good | {"inputs": {"original": "\ud800"}})),
        Case("a folder", pathlib.Path.mkdir),
        Case("100 MB of lists", many_lists),
        Case("a link to nowhere", lambda path: path.symlink_to("gone")),
        Case("a device", lambda path: path.symlink_to("/dev/zero")),
    ]
    return made
