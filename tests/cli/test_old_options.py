"""Command lines of the version before still work, and each old option says what it is called now."""

import logging

import pytest

from faceswap_lib import cli
from faceswap_lib.cli import VERBS, name_of
from faceswap_lib.cli.old_options import upgrade_arguments
from faceswap_lib.upgrades import FLAGS, OPTIONS

BY_NAME = {name_of(verb): verb for verb in VERBS}

LINES = [
    ("extract a.mp4 --workspace W --as src --every 2", "extract a.mp4 --workspace W --person a --frame-stride 2"),
    ("extract a.mp4 --as=dst --target=9 --no-rotated", "extract a.mp4 --person=b --max-crops=9 --no-detect-rotated"),
    ("train --preset faithful --plan --ema 0.9", "train --preset faceswap-gan --show-schedule --ema-decay 0.9"),
    ("train --schedule short --warm_up 3", "train --schedule default --warmup-steps 3"),
    ("train --accumulate 2 --no-guard", "train --gradient-accumulation-steps 2 --no-divergence-guard"),
    ("run a b --who-a left --bridge 3 --until 2h", "run a b --subject-a left --max-gap 3 --max-time 2h"),
    ("convert a.mp4 --colour none --show pair", "convert a.mp4 --color-transfer none --layout pair"),
    ("convert a.mp4 --code-shift 0.5 --engine onnx", "convert a.mp4 --latent-shift 0.5 --inference-backend onnx"),
    ("evaluate s.mp4 --points five --recognition none", "evaluate s.mp4 --landmarks five --embedder none"),
    ("swap-parts --as src --parts eyes --share 0.5", "swap-parts --person a --parts eyes --fraction 0.5"),
]


@pytest.mark.parametrize(("before", "now"), LINES)
def test_an_old_command_line_becomes_the_new_one(before, now, caplog):
    verb, *arguments = before.split()
    with caplog.at_level(logging.WARNING):
        assert upgrade_arguments(BY_NAME[verb], arguments) == now.split()[1:]
    for old, new in zip(before.replace("=", " ").split(), now.replace("=", " ").split(), strict=True):
        if old != new:
            assert any(f"{old} is now called {new}" in line or f" {old} is now" in line for line in caplog.messages)


@pytest.mark.parametrize(("before", "now"), LINES)
def test_a_new_command_line_stays_as_it_is(before, now, caplog):
    verb, *arguments = now.split()
    assert upgrade_arguments(BY_NAME[verb], arguments) == arguments and not caplog.messages


def test_values_that_look_like_options_of_another_verb_are_left_alone(caplog):
    arguments = ["faithful", "--consent", "short", "--workspace", "src"]
    assert upgrade_arguments(BY_NAME["convert"], arguments) == arguments and not caplog.messages


def test_only_the_word_behind_an_option_is_its_value():
    """A video may have a name that is an old value of the option before it."""
    arguments = ["--as", "src", "src", "--workspace", "W"]
    assert upgrade_arguments(BY_NAME["extract"], arguments) == ["--person", "a", "src", "--workspace", "W"]


@pytest.mark.parametrize("verb", VERBS, ids=name_of)
def test_no_old_option_hides_one_of_now(verb, capsys):
    """An old name must not be the name of another option of the same verb."""
    with pytest.raises(SystemExit):
        cli.main([name_of(verb), "--help"])
    shown = set(capsys.readouterr().out.replace(",", " ").split())
    names = dict(FLAGS.get(verb.__name__, {}))
    for field in vars(verb).get("__dataclass_fields__", {}).values():
        names |= OPTIONS.get(type(field.default).__name__, {})
    for old, new in names.items():
        assert f"--{old.replace('_', '-')}" not in shown, old
        assert any(word.startswith(f"--{new.replace('_', '-')}") for word in shown), new


def test_the_whole_command_takes_old_options(tmp_path, capsys, caplog):
    arguments = ["train", "--workspace", str(tmp_path / "w"), "--preset", "faithful", "--plan-picture"]
    assert cli.main([*arguments, str(tmp_path / "p.png")]) == 0
    assert "31851-35850" in capsys.readouterr().out
    assert "--plan-picture is now called --schedule-picture" in caplog.text
