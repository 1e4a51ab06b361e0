"""The demo from clips to swapped video in a process in which TensorFlow cannot be imported.

Usage: KERAS_BACKEND=jax python -m tests.without_tensorflow FOLDER
"""

import importlib.abc
import importlib.machinery
import pathlib
import sys

FORBIDDEN = ("tensorflow", "tensorflow_cpu", "tf_keras")

SECONDS = 0.6
"""Length of the clips, 15 frames."""

STEPS = 3


class Refusal(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what is forbidden, as PyTorch asks, and refuses to import it."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in FORBIDDEN:
            return importlib.machinery.ModuleSpec(fullname, self)
        return None

    def create_module(self, spec):
        raise ImportError(f"{spec.name} refused by the test", name=spec.name)

    def exec_module(self, module):
        raise AssertionError("no module is made")


def main(folder: pathlib.Path) -> None:
    """Runs the demo in a folder, then what else a machine without TensorFlow should be able to."""
    import numpy as np

    from faceswap_lib.demo.demo import run_demo
    from faceswap_lib.diagnostics.inventory import examine
    from faceswap_lib.faces import MTCNN
    from faceswap_lib.facesets import extraction
    from faceswap_lib.media import read_frames
    from faceswap_lib.networks import PRESETS

    opened = extraction.open_landmark_detector
    extraction.open_landmark_detector = lambda backend: opened("five")  # fetches nothing, whatever is installed
    report = run_demo(folder, steps=STEPS, seconds=SECONDS, network_config=PRESETS["tiny"])
    assert report.video.stat().st_size > 0
    found = {
        clip.stem: np.array([faces[0].landmarks for faces in MTCNN().detect(list(read_frames(clip)))])
        for clip in sorted((folder / "clips").glob("*.mp4"))
    }
    assert examine()
    assert not set(FORBIDDEN) & set(sys.modules)
    np.savez(folder / "landmarks.npz", **found)


if __name__ == "__main__":
    sys.meta_path.insert(0, Refusal())
    main(pathlib.Path(sys.argv[1]))
