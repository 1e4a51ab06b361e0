"""The programs that make pages and pictures: what they read from the code, and that pictures stay small."""

import dataclasses
import pathlib
import re
import typing
from typing import Annotated

import cv2
import numpy as np
import pytest
import tyro
from typing_extensions import Doc

from faceswap_lib.cli import VERBS, name_of
from tools import build_answer_key, build_command_pages, build_option_tables
from tools.command_notes import GROUPS, NOTES
from tools.pictures import LARGEST_FILE, draw_caption, draw_tile, join, join_rows, save


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verb:
    """Do something useful. And more."""

    source: Annotated[tyro.conf.Positional[pathlib.Path], Doc("what is read"), tyro.conf.arg(metavar="VIDEO")]
    steps: Annotated[int, Doc("how many")]
    side: Annotated[typing.Literal["a", "b"] | None, Doc("which side")] = None
    limits: Annotated[tuple[str, ...], Doc("several words")] = ()
    label: Annotated[bool, Doc("whether to draw it")] = True


def test_options_are_read_from_a_class():
    rows = {row.name: row for row in build_command_pages.read_rows(Verb)}
    assert rows["source"].positional and rows["source"].metavar == "VIDEO" and rows["source"].values == "path"
    assert rows["steps"].default == "**required**" and rows["steps"].values == "whole number"
    assert (rows["side"].values, rows["side"].default) == ("a / b", "")
    assert rows["limits"].values == "one or more: text"
    assert rows["label"].is_flag and rows["label"].default == "on"


def test_defaults_are_those_of_the_command_and_not_of_the_class():
    @dataclasses.dataclass(frozen=True)
    class Group:
        size: Annotated[int, Doc("how large")] = 1

    assert [row.default for row in build_command_pages.read_rows(Group, Group(size=3))] == ["3"]
    express = next(verb for verb in VERBS if name_of(verb) == "express")
    assert "| `--fusion` | classical / photo / none | photo |" in build_command_pages.build_page(express)


def test_the_table_of_presets_has_networks_and_the_training_in_which_they_differ():
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", build_option_tables.build_presets(), re.M))
    assert rows["resolution"].split(" | ") == [" 64", "128", "128", "64 "]
    assert rows["schedule"].endswith("| faceswap-gan ") and "batch_size" not in rows


def test_every_command_has_notes_and_is_in_one_group():
    names = [name_of(verb) for verb in VERBS]
    assert sorted(NOTES) == sorted(names) == sorted(name for group in GROUPS.values() for name in group)


def test_a_page_has_what_a_reader_looks_for():
    for verb in VERBS:
        page = build_command_pages.build_page(verb)
        for heading in ("## Example", "## What it writes", "## Exit codes", "## More"):
            assert heading in page, name_of(verb)
        for field in dataclasses.fields(verb):
            options = dataclasses.fields(field.default) if dataclasses.is_dataclass(field.default) else []
            for option in options:
                assert f"`--{option.name.replace('_', '-')}`" in page, f"{name_of(verb)}: {option.name}"


def test_answers_name_the_right_answer_and_its_reason():
    wrong = {"answer": "No", "correct": False, "feedback": "not so"}
    right = {"answer": "Yes", "correct": True, "feedback": "because"}
    sure = {"answer": "Yes!", "correct": True, "feedback": "Right: it is"}
    text = build_answer_key.format_quiz([{"question": "Is it?", "answers": [wrong, right]}])
    assert "**Yes!** It is" in build_answer_key.format_quiz([{"question": "Is it?", "answers": [sure]}])
    assert "1. Is it?<br>**Yes.** because" in text and "not so" not in text


def test_tiles_are_joined_with_their_captions():
    image = np.zeros((10, 20, 3), np.uint8)
    tile = draw_tile("name", image, 100)
    assert tile.shape[1] == 100 and tile.shape[0] == 50 + draw_caption("name", 100).shape[0]
    assert join([tile, tile]).shape == (tile.shape[0], 204, 3)
    assert join_rows([tile] * 3, 2).shape == (2 * tile.shape[0] + 4, 204, 3)


def test_a_picture_is_made_small_or_refused(tmp_path: pathlib.Path):
    noise = np.random.default_rng(0).integers(0, 256, (280, 400, 3), np.uint8)
    path = save("noise", noise, tmp_path)
    assert path.stat().st_size <= LARGEST_FILE and cv2.imread(str(path)).shape == noise.shape
    with pytest.raises(ValueError, match="smaller"):
        save("noise", np.tile(noise, (4, 4, 1)), tmp_path)
