"""Options: one definition, described, checked, read back."""

import ast
import dataclasses
import importlib
import json
import pathlib
import typing
from typing import Annotated

import pytest
from typing_extensions import Doc

from faceswap_lib.config_fields import (
    check_range,
    describe_options,
    nearest,
    options_from_dict,
    options_to_dict,
)
from faceswap_lib.errors import FaceswapError, InputError
from tests.conftest import ROOT


def find_configs() -> list[type]:
    """Every class of the package whose name ends in Config."""
    found = []
    for path in sorted((ROOT / "faceswap_lib").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("Config"):
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                found.append(getattr(importlib.import_module(module), node.name))
    return found


CONFIGS = find_configs()
NUMBERS = [
    (config, field.name)
    for config in CONFIGS
    for field in dataclasses.fields(config)
    if typing.get_type_hints(config)[field.name] in (int, float)
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """Options of every kind the package uses."""

    count: Annotated[int, Doc("how many")]
    share: Annotated[float, Doc("which part")] = 0.5
    kind: Annotated[typing.Literal["plain", "fancy"], Doc("which kind")] = "plain"
    sizes: Annotated[tuple[int, ...], Doc("which sizes")] = (1, 2)


def test_all_configs_are_found():
    assert {"DetectConfig", "TrackConfig", "ExtractConfig", "NetworkConfig", "TrainConfig", "ConvertConfig"} <= {
        config.__name__ for config in CONFIGS
    }


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
def test_every_option_is_described_frozen_and_survives_json(config):
    rows = describe_options(config)
    assert [row.name for row in rows] == [field.name for field in dataclasses.fields(config)]
    assert all(len(row.text) > 5 for row in rows)
    options = config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(options, rows[0].name, None)
    stored = json.loads(json.dumps(options_to_dict(options)))
    assert options_from_dict(config, stored) == options


@pytest.mark.parametrize(("config", "name"), NUMBERS, ids=lambda value: getattr(value, "__name__", value))
@pytest.mark.parametrize("value", [-1e12, 1e12, float("nan")])
def test_every_number_has_a_range(config, name, value):
    with pytest.raises(InputError, match="between|no networks"):
        config(**{name: value})


def test_a_range_includes_its_ends_and_names_what_came():
    check_range("share", 0, 0, 1)
    check_range("share", 1, 0, 1)
    with pytest.raises(InputError, match="share must be between 0 and 1, got 1.5"):
        check_range("share", 1.5, 0, 1)


def test_a_table_row_has_name_type_default_and_text():
    rows = [dataclasses.astuple(row) for row in describe_options(Sample)]
    assert rows == [
        ("count", "int", "required", "how many"),
        ("share", "float", "0.5", "which part"),
        ("kind", "plain | fancy", '"plain"', "which kind"),
        ("sizes", "tuple[int, ...]", "[1, 2]", "which sizes"),
    ]


def test_an_option_without_a_description_is_a_defect():
    @dataclasses.dataclass
    class Silent:
        number: int = 1

    with pytest.raises(TypeError, match="Silent.number has no Doc"):
        describe_options(Silent)


def test_lists_of_json_become_tuples_again():
    options = Sample(count=3, sizes=(4, 5, 6))
    assert options_to_dict(options)["sizes"] == [4, 5, 6]
    assert options_from_dict(Sample, json.loads(json.dumps(options_to_dict(options)))) == options


def test_an_unknown_key_names_the_nearest_and_where_it_stood():
    with pytest.raises(InputError, match=r"config.json: unknown option 'cuont'; did you mean 'count'\?"):
        options_from_dict(Sample, {"cuont": 3}, origin="config.json")
    with pytest.raises(InputError, match="known are count, kind, share, sizes"):
        options_from_dict(Sample, {"zzzzzz": 3})
    assert nearest("shar", ["share", "count"]) == "; did you mean 'share'?"


def test_exit_codes_tell_bad_input_from_failed_work():
    assert (FaceswapError.exit_code, InputError.exit_code) == (1, 2)


def test_paths_go_to_json_and_back():
    from faceswap_lib.training import TrainConfig

    config = TrainConfig(vggface=pathlib.Path("weights") / "faces.h5")
    values = json.loads(json.dumps(options_to_dict(config)))
    assert values["vggface"] == str(config.vggface)
    assert options_from_dict(TrainConfig, values) == config
    assert options_from_dict(TrainConfig, options_to_dict(TrainConfig())) == TrainConfig()
