"""Writes docs/options.md from the option classes, so that there is one list of options.

Usage: python -m tools.build_option_tables [--check]
"""

import argparse
import pathlib
import re
import sys

from faceswap_lib.config_fields import describe_options, options_to_dict
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.evaluation.config import EvaluateConfig, ReenactmentEvaluateConfig
from faceswap_lib.faces.detector import DetectConfig
from faceswap_lib.faces.tracking import TrackConfig
from faceswap_lib.facesets.extract_config import ExtractConfig
from faceswap_lib.networks.config import PRESETS, NetworkConfig
from faceswap_lib.occlusion.config import OcclusionConfig
from faceswap_lib.reenactment.config import (
    FrameConfig,
    ReenactmentNetworkConfig,
    ReenactmentTrainConfig,
    RetargetConfig,
)
from faceswap_lib.reenactment.expressions import Expression
from faceswap_lib.training.config import TRAINING_PRESETS, TrainConfig
from faceswap_lib.training.run_config import LoopConfig

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "options.md"

SECTIONS = (
    ("Detection", DetectConfig, "For `extract` and `convert`; `faceswap_lib.faces.DetectConfig`"),
    ("Following", TrackConfig, "For `extract` and `convert`; `faceswap_lib.faces.TrackConfig`"),
    ("Extraction", ExtractConfig, "For `extract`; `faceswap_lib.facesets.ExtractConfig`"),
    ("Networks", NetworkConfig, "Chosen by `--preset`; `faceswap_lib.networks.NetworkConfig`"),
    ("Training", TrainConfig, "For `train` and `run`; `faceswap_lib.training.TrainConfig`"),
    ("Occlusion", OcclusionConfig, "For `mask --train`; `faceswap_lib.occlusion.config.OcclusionConfig`"),
    ("Runs", LoopConfig, "For `train` and `run`; `faceswap_lib.training.LoopConfig`"),
    ("Conversion", ConvertConfig, "For `convert` and `run`; `faceswap_lib.conversion.ConvertConfig`"),
    ("Output", OutputConfig, "For `convert` and `run`; `faceswap_lib.conversion.OutputConfig`"),
    (
        "Reenactment networks",
        ReenactmentNetworkConfig,
        "For `train --system`; `faceswap_lib.reenactment.config.ReenactmentNetworkConfig`",
    ),
    (
        "Reenactment training",
        ReenactmentTrainConfig,
        "For `train --system`; `faceswap_lib.reenactment.config.ReenactmentTrainConfig`",
    ),
    ("Motion transfer", RetargetConfig, "For `reenact`; `faceswap_lib.reenactment.config.RetargetConfig`"),
    ("Expression", Expression, "For `express`; `faceswap_lib.reenactment.expressions.Expression`"),
    ("Reenacted frames", FrameConfig, "For `reenact`; `faceswap_lib.reenactment.config.FrameConfig`"),
    ("Evaluation", EvaluateConfig, "For `evaluate`; `faceswap_lib.evaluation.EvaluateConfig`"),
    (
        "Evaluation of a reenactment",
        ReenactmentEvaluateConfig,
        "For `evaluate --workspace`; `faceswap_lib.evaluation.config.ReenactmentEvaluateConfig`",
    ),
)


COMMAND = re.compile(r"\(faceswap [^()]+\)|'(faceswap [^']+)'|(?<![\w`-])(--[a-z][\w-]*)")
OTHER_PAGE = re.compile(r"\bdocs/([\w-]+)\.md\b")


def mark_up(text: str, up: str = "") -> str:
    """Formats a help text as Markdown: quoted commands and options as code, names of pages as links.

    Args:
        text: The text, which may have code in backticks already.
        up: Path from the page to `docs/`.
    """
    parts = text.split("`")
    for index in range(0, len(parts), 2):
        part = COMMAND.sub(
            lambda found: f"`{command}`" if (command := found[1] or found[2]) else found[0], parts[index]
        )
        parts[index] = OTHER_PAGE.sub(lambda found: f"[{found[1].replace('-', ' ')}]({up}{found[1]}.md)", part)
    return "`".join(parts)


def build_page() -> str:
    """Builds the text of the page."""
    parts = [
        "# Options\n",
        "Made by `python -m tools.build_option_tables` from the classes themselves. On the command line an option "
        "is written with dashes: `batch_size` is `--batch-size`. A default of None means that nothing is given.\n",
    ]
    for title, options, where in SECTIONS:
        parts.append(f"## {title}\n\n{where}.\n")
        rows = ["| option | type | default | what it does |", "|---|---|---|---|"]
        for row in describe_options(options):
            kind = row.type.replace("|", "/").replace("pathlib.Path", "path").replace("tuple[str, ...]", "list of str")
            default = "None" if row.default == "null" else row.default
            rows.append(f"| `{row.name}` | {kind} | {default} | {mark_up(row.text)} |")
        parts.append("\n".join(rows) + "\n")
    parts.append(
        "## Presets\n\nFor `--preset`: the options of the networks, and the options of the training that one of the "
        "presets sets.\n"
    )
    parts.append(build_presets())
    return "\n".join(parts)


def build_presets() -> str:
    """Builds the table of the presets, one column each; of the training, only options in which presets differ."""
    networks = [options_to_dict(each) for each in PRESETS.values()]
    training = [options_to_dict(TRAINING_PRESETS[name]) for name in PRESETS]
    rows = [f"| option | {' | '.join(f'`{name}`' for name in PRESETS)} |", "|---" * (len(PRESETS) + 1) + "|"]
    for key in networks[0]:
        rows.append(f"| `{key}` | {' | '.join(str(each[key]) for each in networks)} |")
    for key, first in training[0].items():
        if any(each[key] != first for each in training):
            rows.append(f"| `{key}` | {' | '.join(str(each[key]) for each in training)} |")
    return "\n".join(rows) + "\n"


def main() -> int:
    """Writes the page, or with --check reports whether it is up to date; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page is stale")
    if not parser.parse_args().check:
        PAGE.write_text(build_page(), encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == build_page():
        return 0
    print(f"{PAGE} is stale; run python -m tools.build_option_tables", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
