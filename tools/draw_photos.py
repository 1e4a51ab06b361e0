"""Creates the photographs for the drawings of docs/how-it-works.md: the steps of swapping one face of the demo.

Usage: python -m tools.draw_photos --workspace DIR

DIR is a workspace with the two portraits' clips, facesets and a trained run, as created by the course's `make_run`
(`lite` with 1,500 steps was used). Then run `python -m tools.draw_site` to update the drawings.
"""

import pathlib

import cv2
import keras
import numpy as np

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.stages.swap import swap_faces
from faceswap_lib.faces import CROP_SIZE, MTCNN, align_face, points_in_crop, view_matrix, warp_frame
from faceswap_lib.faces.alignment import invert_affine, map_points
from faceswap_lib.faces.region import open_outline_detector, region_mask
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks.preprocessing import postprocess_faces, preprocess_views
from faceswap_lib.pipeline.load_swapper import open_swapper
from faceswap_lib.training import TrainConfig
from faceswap_lib.training.augmentation import random_warp_grid, sample, to_device
from tools.demo_run import open_demo_run

PHOTOS = pathlib.Path(__file__).resolve().parent.parent / "docs" / "drawings" / "photos"
SIDE = 160
"""Side of a photograph in pixels."""


def main() -> None:
    """Processes one face of each clip and writes the result of every step."""
    run = open_demo_run(__doc__.splitlines()[0])
    workspace, networks = run.workspace, run.networks
    coverage, side = networks.config.coverage, networks.config.resolution
    detector = MTCNN()
    photos = {}
    for name, frame in zip("ab", run.frames, strict=True):
        face = detector.detect(frame)[0]
        crop = align_face(frame, face)
        matrix = view_matrix(crop.crop_from_frame, CROP_SIZE, side, coverage)
        view = warp_frame(frame, matrix, side)
        outline = None
        if (finder := open_outline_detector(networks.config.face_region)) is not None:
            outline = map_points(matrix, map_points(invert_affine(crop.crop_from_frame), finder.detect([crop])[0]))
        inside = region_mask(points_in_crop(face, matrix), outline, side, coverage=coverage)
        seen, tones = preprocess_views(view[None], inside[None])
        again = postprocess_faces(keras.ops.convert_to_numpy(networks.generate(seen, name * 2)[1]), tones)[0]
        photos |= {f"{name}_frame": frame, f"{name}_crop": crop.image, f"{name}_view": view, f"{name}_again": again}
        photos |= {f"{name}_found": _mark(frame, face), f"{name}_seen": ((seen[0] + 1) * 127.5).astype(np.uint8)}
        if name == "a":
            (swapped,) = swap_faces([(frame, face)], open_swapper(networks, workspace, ConvertConfig()))
            painted = Compositor(ConvertConfig(), coverage).composite(frame, swapped)
            photos |= {"a_mask": _gray(swapped.mask), "a_new": swapped.swapped, "a_swapped": painted.frame}
            photos["a_composite"] = warp_frame(painted.frame, matrix, side)
            plain = Compositor(ConvertConfig(detail_transfer="none"), coverage).composite(frame, swapped)
            photos["a_mixed"] = warp_frame(plain.frame, matrix, side)
            photos |= _two_views(Faceset.open(workspace, "src").load(networks.config.stored_size), side)
    PHOTOS.mkdir(parents=True, exist_ok=True)
    for name, picture in photos.items():
        small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(PHOTOS / f"{name}.jpg"), small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 84])


def _mark(frame: np.ndarray, face) -> np.ndarray:
    """Draws the box and the points, thick enough to be visible in a small photograph."""
    marked, unit = frame.copy(), max(2, frame.shape[0] // 80)
    left, top, right, bottom = face.box_xyxy.round().astype(int).tolist()
    cv2.rectangle(marked, (left, top), (right, bottom), (110, 255, 110), unit, cv2.LINE_AA)
    for x, y in face.landmarks.round().astype(int).tolist():
        cv2.circle(marked, (x, y), 2 * unit, (255, 60, 60), cv2.FILLED, cv2.LINE_AA)
    return marked


def _gray(mask: np.ndarray) -> np.ndarray:
    """Converts a mask in [0, 1] to a gray RGB image."""
    return np.repeat((mask * 255).round().astype(np.uint8)[..., None], 3, axis=-1)


def _two_views(arrays, side: int) -> dict[str, np.ndarray]:
    """Samples the real and the warped view of a crop; the warp is four times as strong, so that it is visible."""
    faces = to_device(arrays)
    maps = random_warp_grid(
        TrainConfig(batch_size=1, random_warp=0.08), side, faces.size, keras.random.SeedGenerator(4)
    )
    index = np.array([len(arrays.images) // 3], "int32")
    views = [keras.ops.convert_to_numpy(sample(faces, index, at))[0, ..., :3].astype(np.uint8) for at in maps]
    return dict(zip(("real", "warped"), views, strict=True))


if __name__ == "__main__":
    main()
