"""Models for live programs: the graph computes what Keras and the conversion compute, in the layout of `.dfm`."""

import dataclasses
import os
import pathlib
import subprocess
import typing

import cv2
import numpy as np
import pytest

from faceswap_lib.conversion.blending import DETAIL_SIGMAS
from faceswap_lib.conversion.color_transfer.affine import apply_affine, fit_adain
from faceswap_lib.conversion.latent.mapping import (
    LatentAlignment,
    LatentProjection,
    LatentShift,
    fit_alignment,
    fit_projection,
)
from faceswap_lib.conversion.latent.onnx_maps import map_writer
from faceswap_lib.faces.alignment import MEAN_FACE, map_points, template_points, view_matrix
from faceswap_lib.faces.color_normalization import denormalize_color, restore_colors
from faceswap_lib.faces.region import region_mask
from faceswap_lib.networks import PRESETS, NetworkConfig, Networks
from faceswap_lib.networks.config import Norm
from faceswap_lib.networks.preprocessing import preprocess_views
from tests.conversion.test_inference_backends import build_lively

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
from faceswap_lib.export import dfm  # noqa: E402
from faceswap_lib.export.color_graph import ColorTransfer, write_color_transfer  # noqa: E402
from faceswap_lib.export.dfm_readers import DfmOutputs, blend_fusion, blend_live  # noqa: E402
from faceswap_lib.export.generator_graph import Generator  # noqa: E402
from faceswap_lib.export.graph_parts import declare, make_model  # noqa: E402
from faceswap_lib.export.onnx_layers import GraphWriter  # noqa: E402
from faceswap_lib.export.onnx_runtime import import_onnxruntime  # noqa: E402
from faceswap_lib.export.onnx_swap import build_onnx_swap  # noqa: E402
from faceswap_lib.export.whole_face import (  # noqa: E402
    WHOLE_FACE,
    sampling_matrix,
    view_from_whole_face,
    whole_face_from_frame,
)

TINY = NetworkConfig(capacity="tiny", resolution=64, attention="none", norm="none", face_region="ellipse")
SIZE = 96


def run(model: "onnx.ModelProto", **inputs: np.ndarray) -> list[np.ndarray]:
    onnx.checker.check_model(model, full_check=True)
    session = import_onnxruntime().InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {entry.name: inputs[entry.name.partition(":")[0]] for entry in session.get_inputs()}
    return session.run(None, feed)


def run_live(model: dfm.LiveModel, crops: np.ndarray) -> DfmOutputs:
    return DfmOutputs(*run(dfm.build_dfm(model), in_face=crops.astype(np.float32) / 255))


KEPT = ("write_map", "contrast", "color_spread", "color", "sharpness")
"""Options of `make_live` that belong to the generator."""


def make_live(networks: Networks, *, size: int = SIZE, **options: typing.Any) -> dfm.LiveModel:
    """A model of direction a2b for an average face, whose face may be shown in a soft disk."""
    config = networks.config
    points = map_points(view_matrix(np.eye(2, 3), 256, config.resolution, config.coverage), template_points(256))
    y, x = np.mgrid[0:size, 0:size]
    generator = {name: options.pop(name) for name in KEPT if name in options}
    model = dfm.LiveModel(
        generator=Generator(
            encoder=networks.encoder,
            decoder=networks.decoder_b,
            input_mode=config.input_mode,
            sigmas=DETAIL_SIGMAS,
            **generator,
        ),
        size=size,
        view_from_whole=view_from_whole_face(size, config.resolution, config.view_coverage),
        region=region_mask(points, None, config.resolution, coverage=config.view_coverage),
        shown=np.clip(1.3 - np.hypot(x - size / 2, y - size / 2) / (0.3 * size), 0, 1).astype(np.float32),
    )
    return dataclasses.replace(model, **options)


def draw_crops(count: int, size: int = SIZE) -> np.ndarray:
    """Blocks of noise in three sizes, (N, S, S, 3) uint8 BGR."""
    random, crops = np.random.default_rng(5), np.zeros((count, size, size, 3))
    for side in (4, 12, 48):
        blocks = random.uniform(0, 85, (count, -(-size // side), -(-size // side), 3))
        crops += blocks.repeat(side, axis=1).repeat(side, axis=2)[:, :size, :size]
    return crops.astype(np.uint8)


def interpolate(image: np.ndarray, x: float, y: float, weigh: typing.Callable[[float], float], reach: int):
    """The value of (S, S, C) between pixels, as a sum over the pixels around it."""
    total, last = 0.0, len(image) - 1
    for row in range(int(np.floor(y)) - reach + 1, int(np.floor(y)) + reach + 1):
        for column in range(int(np.floor(x)) - reach + 1, int(np.floor(x)) + reach + 1):
            pixel = image[min(max(row, 0), last), min(max(column, 0), last)].astype(float)
            total = total + weigh(abs(row - y)) * weigh(abs(column - x)) * pixel
    return total


def linear(distance: float) -> float:
    return max(0.0, 1 - distance)


def cubic(distance: float) -> float:
    """Keys' cubic convolution with a = -0.75."""
    if distance < 1:
        return 1.25 * distance**3 - 2.25 * distance**2 + 1
    return -0.75 * (distance**3 - 5 * distance**2 + 8 * distance - 4) if distance < 2 else 0.0


def read_view(crop: np.ndarray, model: dfm.LiveModel) -> np.ndarray:
    """The view in a crop (S, S, 3); bilinear, averaged over 8 x 8 positions where it is made smaller."""
    (scale, _, left), (_, _, top) = model.view_from_whole
    side, samples = model.generator.resolution, 8 if scale < 1 else 1
    steps = (np.arange(samples) + 0.5) / samples - 0.5
    view = np.zeros((side, side, 3))
    for down in steps:
        for across in steps:
            y, x = np.mgrid[0:side, 0:side] + np.array([down, across])[:, None, None]
            maps = np.stack([(x - left) / scale, (y - top) / scale], axis=-1).clip(0, len(crop) - 1)
            first = np.minimum(np.floor(maps).astype(int), len(crop) - 2)
            (right, below), (column, row) = np.moveaxis(maps - first, -1, 0)[..., None], np.moveaxis(first, -1, 0)
            upper = crop[row, column] * (1 - right) + crop[row, column + 1] * right
            lower = crop[row + 1, column] * (1 - right) + crop[row + 1, column + 1] * right
            view += (upper * (1 - below) + lower * below) / samples**2
    return view


def swap_with_keras(
    networks: Networks, model: dfm.LiveModel, crops: np.ndarray, *, latent_map=None, restore=denormalize_color
):
    """Masks (N, R, R) and RGB faces (N, R, R, 3) of the view in each crop, step by step."""
    views = np.stack([read_view(crop[..., ::-1], model) for crop in crops])
    regions = np.repeat(model.region[None], len(crops), axis=0)
    seen, tones = preprocess_views(views, regions, networks.config.input_mode)
    codes = networks.encoder.predict_on_batch(seen.astype(np.float32))
    codes = codes if latent_map is None else latent_map(codes)
    masks, raw = networks.decoder_b.predict_on_batch(codes)[:2]
    return masks[..., 0], np.clip(restore(raw, tones), 0, 255)


def assert_placed(outputs: DfmOutputs, model: dfm.LiveModel, crops: np.ndarray, masks, faces) -> None:
    """Compares 60 pixels of each output with what interpolation of mask and face gives there."""
    (scale, _, left), (_, _, top) = model.view_from_whole
    random, compared = np.random.default_rng(0), 0
    for index in range(len(crops)):
        for row, column in random.integers(model.size // 5, 4 * model.size // 5, (60, 2)):
            x, y = scale * column + left, scale * row + top
            alpha = interpolate(masks[index][..., None], x, y, linear, 1)[0] * model.shown[row, column]
            face = np.clip(interpolate(faces[index], x, y, cubic, 2), 0, 255)[::-1] / 255
            own = crops[index, row, column] / 255
            expected = own + min(1, 8 * alpha) * (face - own)
            np.testing.assert_allclose(outputs.mask[index, row, column, 0], alpha, atol=1e-3)
            np.testing.assert_allclose(outputs.face[index, row, column], expected, atol=1e-3)
            compared += alpha > 0.1
    assert compared > 10


@pytest.fixture(scope="module")
def tiny() -> Networks:
    return build_lively(TINY)


# The same values as Keras --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_a_dfm_computes_what_keras_computes_for_every_preset(preset):
    small = {"capacity": "lite"} if preset == "faceswap-gan" else {"resolution": 64}
    networks = build_lively(dataclasses.replace(PRESETS[preset], face_region="ellipse", **small))
    model, crops = make_live(networks), draw_crops(2)
    assert_placed(run_live(model, crops), model, crops, *swap_with_keras(networks, model, crops))


@pytest.mark.parametrize("norm", typing.get_args(Norm))
def test_a_dfm_computes_what_keras_computes_for_every_norm(norm):
    upsampling = "nearest" if norm in ("batch", "layer") else "pixel-shuffle"
    options = {"norm": norm, "upsampling": upsampling, "attention": "dual" if norm == "group" else "self"}
    networks = build_lively(dataclasses.replace(TINY, **options))
    model, crops = make_live(networks, size=128), draw_crops(1, 128)
    assert_placed(run_live(model, crops), model, crops, *swap_with_keras(networks, model, crops))


def fit_maps(shape: tuple[int, ...]) -> dict[str, typing.Any]:
    random = np.random.default_rng(2)
    codes, others = (random.normal(0, 0.3, (40, *shape)).astype(np.float32) for _ in range(2))
    motion, other_motion = random.normal(0, 1, (2, 40, 12))
    return {
        "shift": LatentShift(shift=0.3 * codes[0]),
        "project": fit_projection(others, limit=1.0),
        "align": fit_alignment(codes, motion, others, other_motion),
    }


@pytest.mark.parametrize("name", ["shift", "project", "align"])
def test_a_latent_map_gives_the_same_codes_in_the_graph(name, tiny):
    shape = tiny.encoder.output_shape[1:]
    latent_map = fit_maps(shape)[name]
    assert isinstance(latent_map, (LatentShift, LatentProjection, LatentAlignment))
    codes = np.random.default_rng(3).normal(0, 0.5, (3, *shape)).astype(np.float32)
    graph, count = GraphWriter(), int(np.prod(shape))
    graph.add("Identity", [map_writer(latent_map)(graph, "codes")], "mapped")
    model = make_model(graph, "map", [declare("codes", count)], [declare("mapped", count)])
    (mapped,) = run(model, codes=codes.reshape(3, -1))
    expected = latent_map(codes).reshape(3, -1)
    assert np.abs(expected - codes.reshape(3, -1)).max() > 0.1
    np.testing.assert_allclose(mapped, expected, atol=1e-3)


def test_map_and_contrast_are_part_of_the_model(tiny):
    latent_map = fit_maps(tiny.encoder.output_shape[1:])["project"]
    model, crops = make_live(tiny, write_map=map_writer(latent_map), contrast=1.4), draw_crops(1)

    def restore(raw, tones):
        return denormalize_color(raw, tones * np.array([[1.0], [1.4]]))

    expected = swap_with_keras(tiny, model, crops, latent_map=latent_map, restore=restore)
    assert_placed(run_live(model, crops), model, crops, *expected)


def test_the_hues_of_the_wanted_person_are_part_of_the_model(tiny):
    spread = np.array([0.2, 0.25, 0.4], np.float32)
    model, crops = make_live(tiny, color_spread=spread, contrast=1.3), draw_crops(2)

    def restore(raw, tones):
        return restore_colors(raw, tones, spread, 1.3)

    assert_placed(run_live(model, crops), model, crops, *swap_with_keras(tiny, model, crops, restore=restore))


def test_an_unknown_map_is_refused():
    with pytest.raises(ValueError, match="expected one of LatentShift"):
        map_writer(lambda codes: codes)


def test_faces_are_sharpened_as_in_a_conversion(tiny):
    model, crops = make_live(tiny, sharpness=2.0), draw_crops(1)
    masks, faces = swap_with_keras(tiny, model, crops)
    fine, coarse = (cv2.GaussianBlur(faces[0], (0, 0), sigma * 64) for sigma in DETAIL_SIGMAS)
    faces = np.clip(faces + 2 * (fine - coarse), 0, 255)
    assert_placed(run_live(model, crops), model, crops, masks, faces)


def test_colors_are_transferred_as_by_adain_on_the_same_sample():
    random, side = np.random.default_rng(4), 64
    faces, views = (random.uniform(20, high, (1, 3, side, side)).astype(np.float32) for high in (120, 220))
    masks = random.uniform(0.2, 1, (1, 1, side, side)).astype(np.float32)
    inside, bare = np.zeros((side, side), np.float32), np.ones((side, side), np.float32)
    inside[10:50, 12:52], bare[20:25, 20:30] = 1, 0.2
    transfer, graph = ColorTransfer(inside=inside, bare=bare, sigma=2.0), GraphWriter()
    graph.add("Identity", [write_color_transfer(graph, transfer, side, "views", "masks", "faces")], "matched")
    shapes = {"views": 3, "masks": 1, "faces": 3}
    model = make_model(
        graph,
        "color",
        [declare(name, channels, side, side) for name, channels in shapes.items()],
        [declare("matched", 3, side, side)],
    )
    (matched,) = run(model, views=views, masks=masks, faces=faces)
    # The sample as in `sample_skin`, without what it looks for in the picture.
    weights = masks[0, 0] * inside
    skin = weights * bare
    new, old = (image[0].transpose(1, 2, 0) for image in (faces, views))
    blurred = cv2.GaussianBlur(skin, (0, 0), 2.0)[..., None] + 1e-6
    lights = [cv2.GaussianBlur(image * skin[..., None], (0, 0), 2.0) / blurred for image in (new, old)]
    means = [(light * skin[..., None]).sum((0, 1)) / skin.sum() + 1 for light in lights]
    samples = [bare[..., None] * light for light in lights]
    samples[0] += (1 - bare[..., None]) * new
    samples[1] += (1 - bare[..., None]) * new * means[1] / means[0]
    expected = np.clip(apply_affine(new, fit_adain(*samples, weights).astype(np.float32)), 0, 255)
    assert np.abs(expected - new).mean() > 20
    np.testing.assert_allclose(matched[0].transpose(1, 2, 0), expected, atol=0.1)


def test_the_new_face_is_moved_and_warped_as_it_is_placed(tiny):
    size, shift = SIZE, np.array([2.0, -1.0])
    plain = make_live(tiny, shown=np.ones((size, size), np.float32))
    bend = np.zeros((size, size, 2), np.float32)
    bend[..., 0], bend[..., 1] = shift
    crops = draw_crops(1)
    still, bent = run_live(plain, crops), run_live(dataclasses.replace(plain, bend=bend), crops)
    # offsets of whole pixels: the new image is the old one, moved
    inner = slice(30, 60)
    np.testing.assert_allclose(bent.mask[0, 29:59, 32:62], still.mask[0, inner, inner], atol=1e-5)
    scale = plain.view_from_whole[0, 0]
    moved = dataclasses.replace(plain, view_from_new=np.array([[1, 0, 3 * scale], [0, 1, 5 * scale]]))
    np.testing.assert_allclose(run_live(moved, crops).mask[0, 35:65, 33:63], still.mask[0, inner, inner], atol=1e-4)


# The contract of .dfm ------------------------------------------------------------------------------------------------


def test_names_types_sizes_and_versions_are_those_of_the_contract(tiny):
    model = dfm.build_dfm(make_live(tiny))
    assert [entry.name for entry in model.graph.input] == ["in_face:0"]
    names = ["out_face_mask:0", "out_celeb_face:0", "out_celeb_face_mask:0"]
    assert [entry.name for entry in model.graph.output] == names
    for entry, channels in zip((*model.graph.input, *model.graph.output), (3, 1, 3, 1), strict=True):
        shape = entry.type.tensor_type.shape.dim
        assert [dim.dim_value for dim in shape[1:]] == [SIZE, SIZE, channels] and not shape[0].dim_value
        assert entry.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert model.opset_import[0].version <= 15 and model.ir_version <= 8 and not model.metadata_props
    assert {tensor.data_type for tensor in model.graph.initializer} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}


def test_each_picture_of_a_batch_is_swapped_by_itself(tiny):
    model, crops = make_live(tiny), draw_crops(3)
    together = run_live(model, crops)
    for index in range(3):
        for one, all_of_them in zip(run_live(model, crops[index : index + 1]), together, strict=True):
            np.testing.assert_allclose(one[0], all_of_them[index], atol=1e-4)
    assert np.abs(together.face[0] - together.face[1]).max() > 0.1


def test_where_the_mask_is_0_the_face_shows_the_input(tiny):
    model, crops = make_live(tiny), draw_crops(1)
    outputs = run_live(model, crops)
    hidden = model.shown == 0
    assert (
        0.2 < hidden.mean() < 0.9 and not outputs.mask[0, hidden].any() and not outputs.original_mask[0, hidden].any()
    )
    np.testing.assert_allclose(outputs.face[0, hidden], crops[0, hidden] / 255, atol=1e-6)
    solid = outputs.mask[0, ..., 0] > 0.3
    assert solid.mean() > 0.04 and np.abs(outputs.face[0, solid] - crops[0, solid] / 255).mean() > 0.05


def test_the_minimum_and_the_product_of_both_masks_are_about_the_mask_of_the_new_face(tiny):
    model, crops = make_live(tiny), draw_crops(1)
    outputs = run_live(model, crops)
    face, alpha = blend_fusion(crops, outputs)
    np.testing.assert_allclose(alpha, outputs.mask[..., 0])
    np.testing.assert_allclose(face, 255 * outputs.face)
    assert np.abs(blend_live(crops, outputs)[1] - alpha).max() < 0.07 and alpha.max() > 0.3


# From one alignment to the other -------------------------------------------------------------------------------------


def place_face(*, length: float = 1.0, angle: float = 20.0) -> np.ndarray:
    """Five points of a rolled face in a frame, whose mouth is `length` times as far below the eyes as usual."""
    points = MEAN_FACE * [1, length] * 83.0
    turn = np.radians(angle)
    return points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + [310, 220]


@pytest.mark.parametrize("length", [0.9, 1.0, 1.15])
def test_the_view_in_the_crop_shows_the_same_as_the_view_in_the_frame(length):
    points, size, side, coverage = place_face(length=length), 224, 128, 0.8
    own = view_matrix(_own_crop(points), 256, side, coverage)
    matrix = view_from_whole_face(size, side, coverage)
    in_crop = map_points(whole_face_from_frame(points, size), points)
    apart = np.linalg.norm(map_points(matrix, in_crop) - map_points(own, points), axis=1)
    assert apart.max() < 0.6  # the rotation of half a degree, which is left out, and what depends on the face


def _own_crop(points: np.ndarray) -> np.ndarray:
    """The crop's matrix by least squares over its four unknown numbers."""
    rows, wanted = [], template_points(256)
    for x, y in points:
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
    a, b, left, top = np.linalg.lstsq(np.array(rows), wanted.ravel(), rcond=None)[0]
    return np.array([[a, -b, left], [b, a, top]])


def test_the_whole_face_has_level_eyes_at_the_positions_of_the_template():
    points = place_face(angle=-30) @ np.eye(2)
    mapped = map_points(whole_face_from_frame(points, 200), points) / 200
    np.testing.assert_allclose(mapped, WHOLE_FACE, atol=0.02)


def test_resampling_keeps_what_is_even_and_averages_what_is_fine():
    shrink = sampling_matrix(np.arange(32) * 2.0 + 0.5, 64)
    np.testing.assert_allclose(shrink.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose((shrink @ (np.arange(64) % 2))[1:-1], 0.5, atol=0.01)
    enlarge = sampling_matrix(np.linspace(0, 15, 46), 16, "cubic")
    np.testing.assert_allclose(enlarge.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(enlarge[::3], np.eye(16), atol=1e-6)


@pytest.mark.parametrize(
    ("resolution", "fraction", "size"), [(64, 0.8, 224), (128, 0.8, 224), (256, 0.8, 320), (256, 0.2, 1024)]
)
def test_the_crop_has_at_least_the_pixels_of_the_networks(resolution, fraction, size):
    assert dfm.default_size(resolution, fraction) == size


# The plain file ------------------------------------------------------------------------------------------------------


def test_a_plain_onnx_file_reads_views_and_regions_and_says_which_crop_they_are(tiny):
    live = make_live(tiny)
    model = build_onnx_swap(live.generator, tiny.config.view_coverage, {"run": "default"})
    random = np.random.default_rng(7)
    views = random.integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    regions = np.stack([live.region, np.zeros_like(live.region)])
    masks, faces = run(model, views=views / 255, regions=regions.astype(np.float32) / 255)
    seen, tones = preprocess_views(views, regions)
    expected, raw = tiny.decoder_b.predict_on_batch(tiny.encoder.predict_on_batch(seen))[:2]
    np.testing.assert_allclose(masks, expected[..., 0], atol=1e-3)
    np.testing.assert_allclose(faces, np.clip(denormalize_color(raw, tones) / 255, 0, 1), atol=1e-3)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts["run"] == "default" and facts["resolution"] == "64" and "five_points" in facts


# Old versions of ONNX Runtime ----------------------------------------------------------------------------------------


def test_the_file_runs_in_the_version_that_live_programs_ship(tiny, tmp_path):
    """Set FACESWAP_OLD_ONNXRUNTIME to a Python with onnxruntime 1.15 and numpy below 2."""
    interpreter = os.environ.get("FACESWAP_OLD_ONNXRUNTIME", "")
    if not pathlib.Path(interpreter).is_file():
        pytest.skip("FACESWAP_OLD_ONNXRUNTIME names no Python with onnxruntime 1.15")
    latent_map = fit_maps(tiny.encoder.output_shape[1:])["align"]
    model, crops = make_live(tiny, write_map=map_writer(latent_map), sharpness=3.0), draw_crops(1)
    path, fed, answered = (tmp_path / name for name in ("model.dfm", "in.npy", "out.npz"))
    path.write_bytes(dfm.build_dfm(model).SerializeToString())
    np.save(fed, crops.astype(np.float32) / 255)
    code = (
        "import sys, numpy, onnxruntime; print(onnxruntime.__version__);"
        "session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider']);"
        "numpy.savez(sys.argv[3], *session.run(None, {'in_face:0': numpy.load(sys.argv[2])}))"
    )
    told = subprocess.run(
        [interpreter, "-c", code, path, fed, answered], capture_output=True, text=True, check=True, timeout=120
    )
    assert told.stdout.startswith("1.15.")
    with np.load(answered) as outputs:
        for one, other in zip(outputs.values(), run_live(model, crops), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-3)
