"""Times every sort mode and the audit on a large faceset, and measures which faults an audit finds.

Usage: python benchmarks/facesets.py [--clips DIR] [--crops N] [--modes MODE ...] [--no-rejects] [--json]

The crops are those of the clips, augmented: turned, shifted, brightened and compressed again. Every mode runs in a
process of its own, on a faceset without stored columns, so each time includes reading the crops, and the memory is that
of the mode alone. "best" and "audit" include what they need from other modes. The recognition network is dlib's; it is
left out where dlib is not installed. Precision and recall are those of the proposed rejects of facesets that were
poisoned on purpose (`poison.py`): of pairs of duplicates, one crop counts.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import dataclasses
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import cv2
import numpy as np
from harness import find_clips, make_parser, own_peak_memory, print_json, print_table, time_matmul
from poison import poison

from faceswap_lib.curation import audit_faceset, sort_faceset
from faceswap_lib.curation.scores import SCORES
from faceswap_lib.curation.sorting import MODES
from faceswap_lib.faces import CROP_SIZE, MTCNN
from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.facesets import (
    ExtractConfig,
    Faceset,
    Workspace,
    extract_faces,
    write_eye_masks,
    write_manifest,
)
from faceswap_lib.media import read_image

AUDIT = "audit"
KINDS = ("other person", "blurred", "cut off", "duplicate")
MOST_POISONED = 400
"""Maximum number of crops of a clip that are poisoned; distinct ones are enough."""


def extract(clip: pathlib.Path, folder: pathlib.Path, detector: MTCNN) -> Faceset:
    """Extracts the crops of a clip, each fourth frame."""
    workspace = Workspace(folder / clip.stem)
    extract_faces(clip, workspace, "src", detector, config=ExtractConfig(frame_stride=4, crop_size=CROP_SIZE))
    write_eye_masks(workspace, "src")
    return Faceset.open(workspace, "src")


def enlarge(facesets: list[Faceset], folder: pathlib.Path, count: int) -> Workspace:
    """Writes a faceset of many crops by augmentation of a few."""
    rng, workspace, records = np.random.default_rng(0), Workspace(folder), []
    crops = [(faceset, record) for faceset in facesets for record in faceset.records]
    mask = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8)
    for place in (workspace.faces("src"), workspace.eye_masks("src")):
        place.mkdir(parents=True)
    for index, (faceset, record) in zip(range(count), itertools.cycle(crops), strict=False):
        image = read_image(faceset.folder / record.crop)
        turn = cv2.getRotationMatrix2D((CROP_SIZE / 2, CROP_SIZE / 2), rng.uniform(-6, 6), rng.uniform(0.95, 1.05))
        turn[:, 2] += rng.uniform(-5, 5, 2)
        image = cv2.warpAffine(image, turn, (CROP_SIZE, CROP_SIZE), borderMode=cv2.BORDER_REPLICATE)
        image = np.clip(image * rng.uniform(0.85, 1.15, 3), 0, 255).astype(np.uint8)
        made = dataclasses.replace(record, crop=f"{index:06d}.jpg", frame=index)
        cv2.imwrite(str(workspace.faces("src") / made.crop), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        cv2.imwrite(str(workspace.eye_masks("src") / made.mask), mask)
        records.append(made)
    write_manifest(workspace.faces("src"), records)
    return workspace


def measure(workspace: Workspace, mode: str) -> dict[str, float]:
    """Runs one mode in this process; returns its seconds and its peak memory in MB above that of an open faceset."""
    faceset = Faceset.open(workspace, "src")
    (faceset.folder / SCORES).unlink(missing_ok=True)
    embedder = None
    if mode in ("embedding", AUDIT) and DlibEmbedder.unavailable_reason() is None:
        embedder = DlibEmbedder()
    before, start = own_peak_memory(), time.perf_counter()
    if mode == AUDIT:
        audit_faceset(faceset, embedder=embedder)
    else:
        sort_faceset(faceset, mode, embedder=embedder)
    return {"seconds": time.perf_counter() - start, "memory_mb": own_peak_memory() - before}


def measure_apart(workspace: Workspace, mode: str) -> dict[str, float]:
    """Runs `measure` in a process of its own."""
    command = [sys.executable, __file__, "--inside", str(workspace.root), "--mode", mode]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def find_faults(faceset: Faceset, other: Faceset, folder: pathlib.Path) -> dict[str, tuple[int, int, int]]:
    """Audits a poisoned faceset; returns how many of each kind are right, proposed and wanted."""
    poisoned, truth = poison(faceset.sample(MOST_POISONED), other, folder)
    audit = audit_faceset(poisoned, embedder=DlibEmbedder())
    found = {record.crop: kind for record, kind in zip(poisoned.records, audit.kinds, strict=True)}
    counts = {}
    for kind in KINDS:
        proposed = [crop for crop in found if found[crop] == kind]
        wanted = sum(value == kind for value in truth.values())
        counts[kind] = (
            sum(truth[crop] == kind for crop in proposed),
            len(proposed),
            wanted // 2 if kind == "duplicate" else wanted,
        )
    return counts


def working_modes() -> list[str]:
    """Lists all modes that work here, and the audit."""
    has_dlib = DlibEmbedder.unavailable_reason() is None
    return [*(mode for mode in MODES if mode != "occluded" and (has_dlib or mode != "embedding")), AUDIT]


def main() -> None:
    """Runs the benchmark."""
    parser = make_parser(__doc__.split("\n")[0])
    parser.add_argument("--crops", type=int, default=10_000, help="size of the large faceset")
    parser.add_argument("--modes", nargs="*", default=[], help="only these sort modes, or audit")
    parser.add_argument("--no-rejects", action="store_true", help="leave the poisoned facesets out")
    parser.add_argument("--inside", type=pathlib.Path, help="workspace; measure one mode in this process")
    parser.add_argument("--mode", help="with --inside: the mode")
    options = parser.parse_args()
    if options.inside:
        print_json(measure(Workspace(options.inside), options.mode))
        return
    result: dict = {"matmul_s": time_matmul(), "crops": options.crops}
    with tempfile.TemporaryDirectory() as name:
        folder, detector = pathlib.Path(name), MTCNN()
        facesets = [extract(clip, folder, detector) for clip in find_clips(options.clips)]
        workspace = enlarge(facesets, folder / "large", options.crops)
        result["modes"] = {mode: measure_apart(workspace, mode) for mode in options.modes or working_modes()}
        print_table(
            f"{options.crops:,} crops of {CROP_SIZE} pixels",
            [{"mode": mode, **values} for mode, values in result["modes"].items()],
        )
        if DlibEmbedder.unavailable_reason() is None and not options.no_rejects:
            pairs = zip(facesets, facesets[1:] + facesets[:1], strict=True)
            tables = [find_faults(one, two, folder / f"poisoned_{index}") for index, (one, two) in enumerate(pairs)]
            rows = []
            for kind in KINDS:
                right, proposed, wanted = (sum(table[kind][place] for table in tables) for place in range(3))
                worst = min(table[kind][0] / max(1, table[kind][1]) for table in tables)
                rows.append({"kind": kind, "wanted": wanted, "precision": right / proposed, "recall": right / wanted})
                rows[-1] |= {"lowest precision": worst, "lowest recall": min(t[kind][0] / t[kind][2] for t in tables)}
            result["rejects"] = rows
            print_table("Proposed rejects of poisoned facesets, one per clip", rows)
    print(f"\nOne matrix product of 2048: {result['matmul_s']:.3f} s at the start, {time_matmul():.3f} s at the end")
    if options.json:
        print_json(result)


if __name__ == "__main__":
    main()
