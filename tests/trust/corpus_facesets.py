"""Hostile files of a workspace: manifests, sources, extraction logs, consents, notes of what was kept."""

import json
import os
import pathlib
import typing

from tests.trust.cases import Case, damaged_texts

LEFT_OVER = [False, False, False]
"""What a damaged note of what was kept says: nothing is known, so nothing is replaced."""


def cases(name: str) -> list[Case]:
    """The hostile files of a reader."""
    return {
        "manifest": manifests,
        "source": sources,
        "extraction log": logs,
        "consent": consents,
        "kept note": notes,
    }[name]()


def no_files() -> list[Case]:
    """What else may lie in the place of a file that must be there."""
    made = [Case("a folder", pathlib.Path.mkdir), Case("a link in a circle", lambda path: path.symlink_to(path.name))]
    if hasattr(os, "mkfifo"):
        made += [Case("a pipe", os.mkfifo), Case("a device", lambda path: path.symlink_to("/dev/zero"))]
    return made


def empty_lines(path: pathlib.Path) -> None:
    """So many that a list of them does not fit into memory."""
    path.write_bytes(b"\n" * 150_000_000)


def many_lists(path: pathlib.Path) -> None:
    """A short text that takes 25 times as much memory as values."""
    path.write_bytes(b'{"a": [' + b"[]," * 33_000_000 + b"0]}")


def manifests() -> list[Case]:
    """A line of six is damaged; see also tests/facesets/test_hostile_manifests.py."""
    from tests.facesets.test_hostile_manifests import LINES, make_record, values_of

    lines = [make_record(index).to_line().encode() for index in range(6)]

    def with_line(line: str | bytes) -> bytes:
        damaged = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
        return b"".join([*lines[:2], damaged + b"\n", *lines[3:]])

    values = values_of(make_record(2))
    made = [Case(name, with_line(damage(values))) for name, damage in LINES.items()]
    made += [
        *no_files(),
        Case("cut in the middle of a line", b"".join(lines)[:-100]),
        Case("a line for a megabyte", with_line('{"crop": "' + "x" * 2_000_000 + '"}')),
        Case(
            "next line as U+2028", b"".join(lines).replace(b"\n", "\u2028".encode()), lambda records: len(records) == 6
        ),
        Case("lines end as on Windows", b"".join(lines).replace(b"\n", b"\r\n"), lambda records: len(records) == 6),
        Case("a byte order mark", b"\xef\xbb\xbf" + b"".join(lines)),
        Case("no line at all", b"", []),
        Case("150 MB of empty lines", empty_lines),
        Case("a key twice", with_line(json.dumps(values)[:-1] + ', "crop": "../../x.jpg"}')),
        Case(
            "a key twice, the good one last",
            with_line('{"crop": "../../x.jpg", ' + json.dumps(values)[1:]),
            lambda records: len(records) == 6,
        ),
    ]
    return made


def sources() -> list[Case]:
    def with_values(**values: object) -> str:
        return json.dumps({"video": "anna.mp4", "sha256": "ab" * 32} | values)

    wrong: dict[str, dict[str, object]] = {
        **{
            f"video is {value!r:.20}": {"video": value}
            for value in (None, 3, [], {}, "", ".", "..", "a/b", "/etc/passwd", "a\0", "a\n", "\x1b[2J", "\x9b2J", True)
        },
        **{
            f"sha256 is {value!r:.20}": {"sha256": value}
            for value in (
                None,
                3,
                [],
                {},
                "",
                "ab" * 31,
                "AB" * 32,
                "xy" * 32,
                "ab" * 33,
                "ab" * 32 + "\n",
                True,
                ["ab" * 32],
            )
        },
    }
    valid = {"video": "anna.mp4", "sha256": "ab" * 32}
    made = [Case(name, with_values(**values)) for name, values in wrong.items()]
    made += [
        Case("a foreign key", with_values(other=[1]), valid),
        Case("no sum", '{"video": "anna.mp4"}', {"video": "anna.mp4"}),
        Case("nothing in it", "{}", {}),
        Case("too long", "[" * 20_000_000),
        Case(
            "a name of 100,000 letters",
            with_values(video="x" * 100_000),
            lambda source: len(source["video"]) == 100_000,
        ),
        Case("a folder", pathlib.Path.mkdir, {}),
        *(Case(case.name, case.content, {}) for case in no_files()[1:]),
    ]
    return [*damaged_texts(), *made]


def logs() -> list[Case]:
    """A line of the log of an unfinished extraction is damaged; a last line without an end is cut off by a kill."""
    from tests.facesets.test_hostile_manifests import LINES, make_record, values_of

    values = values_of(make_record(2))
    dropped = {"frame": 1, "track": 1, "reason": "tiny", "value": 20.5}
    good = json.dumps({"dropped": dropped | {"frame": 0}})

    def with_line(line: str) -> str:
        return f"{good}\n{line}\n"

    wrong_dropped: dict[str, dict[str, object]] = {
        "frame is negative": {"frame": -1},
        "frame is a text": {"frame": "1"},
        "frame is true": {"frame": True},
        "frame is huge": {"frame": 10**30},
        "track is null": {"track": None},
        "track is a fraction": {"track": 0.5},
        "reason is another": {"reason": "ugly"},
        "reason is a list": {"reason": ["tiny"]},
        "reason is an object": {"reason": {}},
        "value is a text": {"value": "20"},
        "value is negative": {"value": -3},
        "value is no number": {"value": float("nan")},
        "value has 400 digits": {"value": 10**400},
        "a key more": {"more": 1},
    }
    made = [
        Case(f"dropped: {name}", with_line(json.dumps({"dropped": dropped | each})))
        for name, each in wrong_dropped.items()
    ]
    for name, damage in LINES.items():
        line = damage(values)
        if isinstance(line, str) and "another line" not in name:
            made.append(Case(f"crop: {name}", f'{good}\n{{"crop": {line}}}\n'))
    made += [
        *(
            Case(f"line: {case.name}", with_line(case.content))
            for case in damaged_texts()
            if isinstance(case.content, str) and "\n" not in case.content
        ),
        Case("a crop twice", (json.dumps({"crop": values}) + "\n") * 2),
        Case("another kind", with_line('{"face": {}}')),
        Case("two kinds", with_line(json.dumps({"crop": values, "dropped": dropped}))),
        Case("kind is a list", with_line('{"dropped": [1]}')),
        Case("the last line is cut off", f'{good}\n{{"dropped": {{"fra', lambda outcomes: len(outcomes) == 1),
        Case("150 MB of empty lines", empty_lines),
        Case("150 MB on one line", lambda path: path.write_bytes(b"[" * 150_000_000)),
        Case("the only line is cut off", '{"dropped": {"fra', []),
    ]
    return made


def consents() -> list[Case]:
    from tests.facesets.test_hostile_texts import BOMB

    video = f"{{name: a.mp4, sha256: {'ab' * 32}}}"
    refused: dict[str, str | bytes] = {
        "a bomb of aliases": f"statement: x\n{BOMB}",
        "an alias": "statement: &s agreed\nvideos: *s\n",
        "an alias to itself": "statement: agreed\nvideos: &v [*v]\n",
        "deep lists": "statement: " + "[" * 100_000,
        "deep and closed": "[" * 21 + "]" * 21,
        "deep by dashes": "- " * 500 + "x",
        "deep by indents": "".join(f"{'  ' * level}a:\n" for level in range(2000)),
        "open braces": "{" * 2_000_000,
        "no UTF-8": b"statement: \xff\xfe",
        "a zero": b"statement: \0",
        "31 February": "statement: agreed\ntime: 2024-02-31\n",
        "hour 99": "statement: agreed\ntime: 2024-02-03 99:00:00\n",
        "a zone of 99 hours": "statement: agreed\ntime: 2001-12-14 21:59:43 +99:99\n",
        "Python objects": "statement: !!python/object/apply:os.system [true]\n",
        "Python names": "statement: !!python/name:os.system\n",
        "a tag of its own": "statement: !run agreed\n",
        "binary": "statement: !!binary x\n",
        "an empty integer": "statement: agreed\ntime: !!int ''\n",
        "an empty float": "statement: agreed\ntime: !!float ''\n",
        "a truth that is none": "statement: agreed\ntime: !!bool maybe\n",
        "a date that is none": "statement: agreed\ntime: !!timestamp tomorrow\n",
        "an integer that is a list": "statement: agreed\ntime: !!int [1]\n",
        "10,000 digits": "statement: " + "9" * 10_000,
        "10,000 hexadecimal digits": "statement: agreed\ntime: 0x" + "f" * 10_000,
        "10,000 hexadecimal digits as statement": "statement: 0x" + "f" * 10_000,
        "10,000 hexadecimal digits as name": f"statement: agreed\nvideos: [{{name: 0x{'f' * 10_000}, sha256: ab}}]\n",
        "10,000 hexadecimal digits as videos": f"statement: agreed\nvideos: 0x{'f' * 10_000}\n",
        "40,000 bits": "statement: agreed\ntime: 0b" + "1" * 40_000,
        "a number to the base of 60": "statement: agreed\ntime: 1" + ":1" * 1_000_000,
        "a fraction to the base of 60": "statement: agreed\ntime: 1" + ":1" * 300 + ".5",
        "a statement that is a list": "statement: [agreed]",
        "a statement that is a number": "statement: 3",
        "a statement that is true": "statement: yes",
        "no statement": "time: 2024-01-01",
        "an empty statement": "statement: '  '",
        "a list": "- statement: agreed",
        "a text": "agreed",
        "videos without a sum": "statement: agreed\nvideos: [{name: a}]",
        "videos that are numbers": "statement: agreed\nvideos: [1, 2]",
        "videos that are a text": "statement: agreed\nvideos: anna.mp4",
        "videos that are an object": "statement: agreed\nvideos: {a: b}",
        "videos that are a number": "statement: agreed\nvideos: 3",
        "a long entry": "x: " + "y" * 5_000_000,
        "too long": "statement: yes\n" * 900_000,
        "question marks": "? " * 100_000,
        "another version": "%YAML 9.9\n---\nstatement: 'a",
        "a list as a key": "statement: agreed\n? [a]\n: b\n",
        "an object as a key": "statement: agreed\n? {a: b}\n: c\n",
        "a merge of nothing": "statement: agreed\n<<: 3\n",
        "the sign of a default": "statement: =\n",
        "a quote is open": "statement: 'agreed",
        "tabs": "statement:\n\t- agreed",
        "a control character": "statement: a\x1bb",
        "the second is none": "statement: agreed\n---\nstatement: [x]\n",
    }
    nobody = {"statement": "agreed", "time": "", "videos": []}
    right: dict[str, tuple[str, typing.Any]] = {
        "nothing": ("", []),
        "empty documents": ("---\n---\n...\n", []),
        "comments alone": ("# nobody agreed\n", []),
        "a statement alone": ("statement: agreed\n", [nobody]),
        "escapes": ('statement: "\\e[2Jagreed"\n', lambda found: found[0]["statement"] == "\x1b[2Jagreed"),
        "null for the rest": ("statement: agreed\ntime: ~\nvideos: null\n", [nobody]),
        "a date": ("statement: agreed\ntime: 2024-02-03\n", [nobody | {"time": "2024-02-03"}]),
        "a sum of digits alone": (
            f"statement: agreed\nvideos: [{{name: 1, sha256: '{'1' * 64}'}}]\n",
            [nobody | {"videos": [{"name": "1", "sha256": "1" * 64}]}],
        ),
        "a key twice": ("statement: no\nstatement: agreed\n", [nobody]),
        "a merge": (
            f"statement: agreed\n<<: {{videos: [{video}]}}\n",
            lambda found: found[0]["videos"][0]["name"] == "a.mp4",
        ),
        "Windows lines": ("statement: agreed\r\n", [nobody]),
    }
    made = [Case(name, text) for name, text in refused.items()]
    return [*made, *no_files(), *(Case(name, text, verdict) for name, (text, verdict) in right.items())]


def notes() -> list[Case]:
    """A damaged note counts as none: what lies in a folder is then somebody's other work, which stays."""
    good = "2" * 64
    made = [Case(case.name, case.content, LEFT_OVER) for case in damaged_texts()]
    for value in (
        None,
        3,
        True,
        "x",
        {},
        [None],
        [3],
        [[good]],
        {"a": good},
        [{"a": good}],
        [good[:-1]],
        [good.upper() + "x"],
        [],
        "\x1b[2J",
    ):
        made.append(Case(f"the digests are {value!r:.30}", json.dumps({"face_src.zip": value}), LEFT_OVER))
    made += [
        Case("one digest, as before", json.dumps({"face_src.zip": good}), [True, False, False]),
        Case("digests and others", json.dumps({"face_src.zip": [3, None, good]}), [True, False, False]),
        Case("a link to nowhere", lambda path: path.symlink_to("gone"), LEFT_OVER),
        Case("a folder", pathlib.Path.mkdir, LEFT_OVER),
        Case("100 MB of lists", many_lists, LEFT_OVER),
        Case("a long list", json.dumps({"face_src.zip": ["x"] * 300_000 + [good]}), [True, False, False]),
    ]
    return made
