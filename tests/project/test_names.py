"""Names that the field does not use, and what they are called instead: none of the old ones may come back.

`faceswap_lib/upgrades.py` has the old names of options, loss terms, arrays and metrics; those are looked for, too.
"""

import ast
import pathlib

import pytest

from faceswap_lib.upgrades import FLAGS, OPTIONS
from tests.conftest import ROOT

PACKAGE = ROOT / "faceswap_lib"

MODULES = [
    "ahead",
    "files",
    "options",
    "doctor",
    "cli/making",
    "cli/judging",
    "cli/keeping",
    "cli/common",
    "cli/telling",
    "media/sound",
    "media/stills",
    "media/join",
    "media/compose",
    "media/pixels",
    "media/decoding",
    "media/info",
    "faces/face",
    "faces/detect",
    "faces/scan",
    "faces/cuts",
    "faces/track",
    "faces/match",
    "faces/smooth",
    "faces/choose",
    "faces/clip",
    "faces/tone",
    "faces/identity",
    "faces/align",
    "faces/mtcnn_stages",
    "faces/fan_network",
    "facesets/cutting",
    "facesets/extract",
    "facesets/progress",
    "facesets/keep",
    "facesets/looks",
    "facesets/masking",
    "facesets/set_aside",
    "facesets/tracks",
    "networks/direct",
    "networks/reference",
    "networks/networks",
    "networks/widths",
    "networks/views",
    "networks/arithmetic",
    "networks/onnx_model",
    "networks/onnx_layers",
    "networks/onnx_runtime",
    "networks/onnx_check",
    "networks/weight_files",
    "networks/vggface",
    "networks/onet",
    "training/board",
    "training/concerns",
    "training/guard",
    "training/keeper",
    "training/mirror",
    "training/plan",
    "training/reporter",
    "training/run_folder",
    "training/steps",
    "training/objective",
    "training/estimate",
    "conversion/convert",
    "conversion/stills",
    "conversion/stages",
    "conversion/pieces",
    "conversion/stretch",
    "conversion/outputs",
    "conversion/engines",
    "conversion/parts",
    "conversion/guard",
    "conversion/composite",
    "conversion/blend",
    "conversion/colour",
    "conversion/skin",
    "conversion/steady",
    "conversion/shift",
    "conversion/share",
    "conversion/people",
    "conversion/expression",
    "conversion/credentials",
    "conversion/certificate",
    "conversion/label",
    "conversion/provenance",
    "conversion/sidecar",
    "conversion/frame_pipeline",
    "evaluation/points",
    "evaluation/pictures",
    "evaluation/motion",
    "evaluation/region",
    "evaluation/pose",
    "evaluation/measure",
    "evaluation/collect",
    "evaluation/summary",
    "evaluation/difference",
    "evaluation/page",
    "evaluation/report_page",
    "evaluation/identity",
    "evaluation/identity_onnx",
    "evaluation/perceptual",
    "evaluation/detector",
    "evaluation/detector_network",
    "demo/course",
    "demo/ablation",
    "pipeline/keeping",
    "pipeline/opening",
    "show/detection",
    "show/on_page",
    "show/pictures",
    "widgets/clicks",
]
"""Old modules, without their suffix."""

DEFINITIONS = [
    "box_overlap",
    "covered_share",
    "drop_doubles",
    "pair_faces",
    "scan_frames",
    "Sighting",
    "look_of",
    "look_difference",
    "mark_cuts",
    "follow_faces",
    "_Piece",
    "ClipTracks",
    "StillChooser",
    "LandmarkFinder",
    "look_into",
    "face_tone",
    "to_standard_tone",
    "from_standard_tone",
    "bring_back",
    "set_aside",
    "KeepReport",
    "best_points_in_crop",
    "Widths",
    "attend",
    "enlarge_nearest",
    "to_network",
    "to_pixels",
    "multiplications",
    "dissimilarity",
    "judge_fake",
    "judge_mixture",
    "judge_relative",
    "Sample",
    "PerceptualJudge",
    "LandmarkJudge",
    "Player",
    "random_map",
    "DeviceFaces",
    "Keeper",
    "Reporter",
    "Guard",
    "Mirror",
    "Board",
    "Stepper",
    "draw_shares",
    "progress_of",
    "load_averaged",
    "agree_networks",
    "find_concerns",
    "Shot",
    "Notes",
    "Pieces",
    "Stretch",
    "is_uneven",
    "Painted",
    "SteadyColours",
    "LateSwapper",
    "Verdict",
    "SwapFacts",
    "Measurer",
    "Tools",
    "People",
    "lay_out",
    "draw_shown",
    "choose_share",
    "keep_work",
    "fetch_work",
    "look_at_people",
    "RunConfig",
    "convert_stills",
    "run_stages_of",
    "paint_batches",
    "panes",
    "bells",
    "curves",
    "ladder",
    "heat",
    "colour_clouds",
    "detector_scores",
    "recolour",
    "see",
    "lose",
    "open_engine",
]
"""Old functions and classes, wherever they are defined."""

BRITISH = ("colour", "grey", "centre", "neighbour", "normalise", "optimiser", "recognise", "summarise", "labelled")

TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
TREES.pop(PACKAGE / "upgrades.py")


@pytest.mark.parametrize("name", MODULES)
def test_old_modules_are_gone(name):
    assert not (PACKAGE / f"{name}.py").exists()


def test_old_functions_and_classes_are_gone():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in DEFINITIONS
    ]
    assert found == []


def test_old_options_are_gone():
    old = {name: names for name, names in (OPTIONS | FLAGS).items()}
    found = [
        f"{node.name}.{field.target.id}"
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name in old
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.target.id in old[node.name]
    ]
    assert found == []


def test_spelling_of_names_is_american():
    names = [
        (path.relative_to(ROOT).as_posix(), name) for path, tree in TREES.items() for name in identifiers_of(tree, path)
    ]
    assert len(names) > 10_000
    assert [found for found in names if any(word in found[1].lower() for word in BRITISH)] == []


def identifiers_of(tree: ast.Module, path: pathlib.Path) -> list[str]:
    """All names that a module defines or uses, and its own."""
    names = [path.stem]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Name):
            names.append(node.id)
        elif isinstance(node, ast.Attribute):
            names.append(node.attr)
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            names.append(node.arg)
    return names
