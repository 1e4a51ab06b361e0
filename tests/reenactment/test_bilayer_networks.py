"""The published bilayer networks: every array has its place, the numbers are PyTorch's, other files are refused."""

import hashlib
import pathlib

import keras
import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.faces.alignment import invert_affine, map_points, warp_frame
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.bilayer import avatar
from faceswap_lib.reenactment.bilayer.avatar import infer_motion, read_identity, render, sample_texture
from faceswap_lib.reenactment.bilayer.inputs import (
    FaceSquare,
    cut_person,
    cut_square,
    draw_stick_figure,
    face_square,
    normalize_landmarks,
)
from faceswap_lib.reenactment.bilayer.loading import FILES, load_bilayer
from faceswap_lib.reenactment.bilayer.options import BilayerOptions
from faceswap_lib.reenactment.bilayer.renderer import place_picture
from tests.reenactment.bilayer_files import NARROW, TorchNetworks, list_taken, random_arrays, write_bilayer
from tests.reenactment.faces import points_68, smooth_texture
from tests.reenactment.torch_files import write_weights

PUBLISHED = {
    "identity_embedder": (124, "871091a5f114b85d"),
    "texture_generator": (453, "7af9d1cba2060a28"),
    "keypoints_embedder": (16, "1e0224a7fe946b47"),
    "inference_generator": (305, "341dd11542fda440"),
    "texture_enhancer": (96, "8f138b8e56d6e022"),
}
"""Number of arrays of each file, and the digest of their names and shapes, as the published program saves them with the
options of its trainings."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("published") / "runs"
    write_bilayer(folder)
    return folder


@pytest.fixture(scope="module")
def networks(runs):
    return load_bilayer(runs)


def rewrite(runs: pathlib.Path, folder: pathlib.Path, name: str, change) -> pathlib.Path:
    """Copies the files to one folder; one of them is changed."""
    arrays = random_arrays(list_taken(BilayerOptions(**NARROW))[name], np.random.default_rng(1))
    for file in (*runs.glob("*/checkpoints/*.pth"), *runs.glob("*/args.txt")):
        (folder / file.name).write_bytes(file.read_bytes())
    write_weights(folder / FILES[name], change(arrays))
    return folder


def digest(shapes: dict[str, tuple[int, ...]]) -> tuple[int, str]:
    lines = sorted(f"{name} {shape}" for name, shape in shapes.items())
    return len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def test_every_array_of_the_published_program_is_taken():
    assert {name: digest(shapes) for name, shapes in list_taken(BilayerOptions()).items()} == PUBLISHED


def draw_inputs(size: int, seed: int) -> list[np.ndarray]:
    """A photo, its person, its stick figure and landmarks, and other landmarks, of two examples; channels last."""
    rng = np.random.default_rng(seed)
    shapes = [(2, size, size, 3), (2, size, size, 1), (2, size, size, 3), (2, 136), (2, 136)]
    low = [-1, 0, -1, -1, -1]
    return [rng.uniform(start, 1, shape).astype(np.float32) for start, shape in zip(low, shapes, strict=True)]


def test_outputs_are_those_of_plain_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    files = write_bilayer(tmp_path / "runs", seed=3)
    ours, theirs = load_bilayer(tmp_path / "runs"), TorchNetworks(torch, files, BilayerOptions(**NARROW))
    inputs = draw_inputs(32, 0)
    *seen, wanted = map(ops.convert_to_tensor, inputs)
    identity = read_identity(ours, *seen)
    motion = infer_motion(ours, wanted, identity.parameters)
    found = [*identity.motion, identity.generated, identity.texture, *motion, render(identity.texture, motion)]

    photo, person, stick, landmarks, other = (
        torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if x.ndim == 4 else x) for x in inputs
    )
    with torch.no_grad():
        embeddings = theirs.embed(photo, person, stick)
        source, target = theirs.infer(embeddings, landmarks), theirs.infer(embeddings, other)
        generated = theirs.texture(embeddings)
    texture = theirs.enhance(generated, photo, source).detach()
    expected = [*source, generated, texture, *target, target[1] + theirs.sample(texture, target[0])]
    names = ("source flow", "source low", "source mask", "generated", "texture", "flow", "low", "mask", "picture")
    for name, mine, other in zip(names, found, expected, strict=True):
        mine = np.asarray(keras.ops.convert_to_numpy(mine))
        other = other.numpy().transpose(0, 2, 3, 1)
        assert other.std() > 0.02, f"{name}: nothing to compare"
        np.testing.assert_allclose(mine, other, atol=2e-4, err_msg=name)
    assert float((texture - generated).abs().max()) > 0.05, "the enhancer changes something"


def test_a_texture_is_sampled_with_zeros_outside_and_back(networks):
    rng = np.random.default_rng(0)
    texture, values = (rng.normal(size=(2, 8, 8, 3)).astype(np.float32) for _ in range(2))
    flow = rng.uniform(-1.2, 1.2, (2, 8, 8, 2)).astype(np.float32)
    seen = np.asarray(keras.ops.convert_to_numpy(sample_texture(texture, flow)))
    back = np.asarray(keras.ops.convert_to_numpy(avatar._to_texture(values, flow)))
    assert np.sum(seen * values) == pytest.approx(np.sum(texture * back), rel=1e-4), "the transpose"
    by_hand = np.zeros_like(seen)
    for b, row, column in np.ndindex(2, 8, 8):
        x, y = np.array([column, row]) + flow[b, row, column].astype(float) * 4
        left, top = int(np.floor(x)), int(np.floor(y))
        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
            if 0 <= top + i < 8 and 0 <= left + j < 8:
                share = (1 - abs(y - top - i)) * (1 - abs(x - left - j))
                by_hand[b, row, column] += share * texture[b, top + i, left + j]
    np.testing.assert_allclose(seen, by_hand, atol=1e-5)
    assert (by_hand == 0).all(axis=-1).any() and (by_hand != 0).any()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("texture_generator", lambda a: a.pop("gen_tex.blocks.1.block.0.bias"), "gen_tex.blocks.1.block.0.bias"),
        ("keypoints_embedder", lambda a: a.update({"net.mlp.9.bias": np.zeros(3)}), "net.mlp.9.bias"),
        (
            "identity_embedder",
            lambda a: a.update({"net.enc.0.weight_orig": np.zeros((4, 5, 3, 3))}),
            r"net.enc.0.weight_orig: expected shape \(4, 6, 3, 3\), got \(4, 5, 3, 3\)",
        ),
        ("texture_enhancer", lambda a: a["net.blocks.0.bias"].fill(np.nan), "net.blocks.0.bias: expected finite"),
        ("texture_enhancer", lambda a: a["net.blocks.0.weight_u"].fill(0), "net.blocks.0: the spectral norm"),
        ("inference_generator", lambda a: a["identity_grid"].fill(0), "identity_grid: expected the centers"),
    ],
)
def test_other_arrays_are_refused(runs, tmp_path, name, change, message):
    def changed(arrays):
        change(arrays)
        return arrays

    folder = rewrite(runs, tmp_path, name, changed)
    with pytest.raises(CheckpointError, match=f"{FILES[name]}.*{message}"):
        load_bilayer(folder)


def test_files_are_found_or_named(runs, tmp_path):
    assert load_bilayer(runs.parent).options == BilayerOptions(**NARROW)
    with pytest.raises(InputError, match="expected a folder"):
        load_bilayer(tmp_path / "missing")
    with pytest.raises(InputError, match="expected 2225_identity_embedder.pth.*1225_texture_enhancer.pth"):
        load_bilayer(tmp_path)
    folder = rewrite(runs, tmp_path, "identity_embedder", lambda arrays: arrays)
    assert len(load_bilayer(folder).digests) == 5
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / FILES["texture_generator"]).write_bytes(b"")
    with pytest.raises(InputError, match="there twice"):
        load_bilayer(folder)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tex_norm_layer_type: bn", "tex_norm_layer_type is 'bn', these networks are for 'ada_spade_bn'"),
        ("image_size: large", "image_size: expected a number, got 'large'"),
        ("image_size: 33", "powers of 2"),
        ("enh_num_blocks: 1000000", "enh_num_blocks: expected more than 0 and at most 64"),
        ("emb_num_channels: 6", "do not fit together|expected shape"),
    ],
)
def test_options_of_other_networks_are_refused(runs, tmp_path, line, message):
    folder = rewrite(runs, tmp_path, "identity_embedder", lambda arrays: arrays)
    path = folder / "args.txt"
    name = line.partition(":")[0]
    kept = [other for other in path.read_text().splitlines() if not other.startswith(f"{name}:")]
    path.write_text("\n".join([*kept, line]))
    with pytest.raises(CheckpointError, match=message):
        load_bilayer(folder)


def test_the_square_of_a_face_is_cut_as_published():
    points = points_68() + [40, 10]
    square = face_square(points)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    size = int(max(right - left, bottom - top))
    assert square.side == 2 * size
    assert square.left + size == pytest.approx((left + right) / 2, abs=0.5)
    assert square.top + size == pytest.approx((top + bottom) / 2 - size // 6, abs=0.5)
    landmarks = normalize_landmarks(points, square)
    corner = np.array([square.left, square.top])
    np.testing.assert_allclose(corner + (landmarks.reshape(68, 2) / 2 + 0.5) * square.side, points, atol=1e-3)
    assert landmarks.dtype == np.float32 and np.abs(landmarks).max() < 1

    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (300, 300, 3), np.uint8)
    same = cut_square(image, FaceSquare(left=-20, top=30, side=64), 64)
    np.testing.assert_array_equal(same[:, 20:], image[30:94, :44])
    assert not same[:, :20].any(), "black outside of the photo"
    matrix = FaceSquare(left=100, top=50, side=128).picture_from_photo(64)
    np.testing.assert_allclose(matrix @ [99.5, 49.5, 1], [-0.5, -0.5])
    np.testing.assert_allclose(matrix @ [227.5, 177.5, 1], [63.5, 63.5])


def test_the_stick_figure_has_the_published_colors():
    picture = draw_stick_figure(normalize_landmarks(points_68(), face_square(points_68())), 256, 2)
    colors = {tuple(map(int, color)) for color in picture.reshape(-1, 3)}
    assert colors == {
        *((1, 1, 1), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)),
        *((255, 0, 255), (0, 255, 255), (255, 255, 0)),
    }
    assert 0.9 < (picture == 1).all(axis=-1).mean() < 0.97
    mask = cut_person(np.ones((300, 300), np.float32), FaceSquare(left=-20, top=30, side=64), 64)
    assert (mask[:, 23:] == 1).all() and not mask[:, :20].any() and not mask[:, 20].any(), "eroded by two pixels"


def test_a_picture_comes_back_to_where_it_was_cut():
    photo, angle = smooth_texture(500, seed=4), np.radians(20)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * 0.8
    crop_from_photo = np.column_stack([turn, np.array([128, 128]) - turn @ [250, 250]])
    aligned = warp_frame(photo, crop_from_photo, 256)
    square = face_square(map_points(invert_affine(crop_from_photo), points_68()))
    picture, black = cut_square(photo, square, 256), np.zeros((256, 256, 3), np.uint8)
    shown = (slice(40, 216), slice(40, 216))
    placed = place_picture(picture, np.ones((256, 256), np.float32), square, crop_from_photo, black)
    assert np.abs(placed[shown].astype(int) - aligned[shown]).mean() < 1
    moved = place_picture(np.roll(picture, 3, axis=1), np.ones((256, 256), np.float32), square, crop_from_photo, black)
    assert np.abs(moved[shown].astype(int) - aligned[shown]).mean() > 3, "the comparison sees three pixels"
    half = place_picture(picture, np.full((256, 256), 0.5, np.float32), square, crop_from_photo, black)
    np.testing.assert_allclose(half[shown], placed[shown] / 2, atol=1)
