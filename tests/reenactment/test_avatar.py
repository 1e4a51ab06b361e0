"""Bilayer avatars in their smallest size, on the portraits."""

import dataclasses

import keras
import numpy as np
import pytest

from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.reenactment import people as people_module
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.head_masks import segment_head
from faceswap_lib.reenactment.pair_views import to_device
from faceswap_lib.reenactment.people import ReenactmentDataset
from faceswap_lib.reenactment.rendering import to_float
from faceswap_lib.reenactment.shape_pictures import ShapeBatch, stack_shapes
from faceswap_lib.reenactment.systems import avatar_losses
from faceswap_lib.reenactment.systems.avatar import CRITICAL, LOSS_WEIGHTS, SYSTEM
from faceswap_lib.reenactment.systems.avatar_networks import WIDTHS, AdaptiveNorm, LearnedConstant, build_networks
from faceswap_lib.reenactment.systems.avatar_renderer import AvatarRenderer
from faceswap_lib.reenactment.systems.avatar_texture import (
    Layers,
    compose,
    infer_layers,
    pixel_places,
    read_detail,
    shape_numbers,
    splat,
)
from faceswap_lib.reenactment.training import train_reenactment
from faceswap_lib.reenactment.warping import warp_piecewise_affine
from faceswap_lib.training import LoopConfig
from faceswap_lib.training.augmentation import grid_sample
from faceswap_lib.training.loss_model import Batch
from tests.conftest import read_arrays
from tests.reenactment.faces import open_mouth, portrait_crop

TINY = ReenactmentNetworkConfig(system="avatar", resolution=64, capacity="tiny")
CONFIG = ReenactmentTrainConfig(batch_size=2, steps=20, warmup_steps=2, learning_rate=2e-3, rotation_range=0)
BOTH = frozenset({"adversarial"})

to_numpy, to_tensor = keras.ops.convert_to_numpy, keras.ops.convert_to_tensor


@pytest.fixture(scope="module")
def people(portraits) -> ReenactmentDataset:
    """Both portraits with mouths that are opened by a warp, three crops each."""
    images, shapes, heads = [], [], []
    for portrait in portraits:
        image, shape = portrait_crop(portrait)
        for gap in (0, 6, 14):
            shapes.append(FaceShape(points=open_mouth(shape.points, gap), irises=shape.irises))
            warped = warp_piecewise_affine(image, shape.points, shapes[-1].points).image
            images.append(shrink(warped, TINY.stored_size))
            heads.append(segment_head(images[-1], shapes[-1]))
    return ReenactmentDataset(
        names=("one", "other"),
        images=np.stack(images),
        shapes=stack_shapes(shapes),
        person=np.repeat([0, 1], 3).astype(np.int32),
        frames=np.tile(np.arange(3), 2),
        rarity=np.ones(6),
        heads=np.stack(heads),
    )


@pytest.fixture
def networks():
    keras.utils.set_random_seed(1)
    return SYSTEM.build_networks(TINY)


def lose(networks, people: ReenactmentDataset, weights: dict[str, float], active=BOTH):
    """The losses of one pair of each person; the same random numbers every time."""
    objective = SYSTEM.build_objective(
        networks=networks, people=to_device(people), config=CONFIG, seed=keras.random.SeedGenerator(4)
    )
    batch = Batch(index_a=np.array([0, 3], np.int32), index_b=np.array([2, 4], np.int32))
    weights = {name: to_tensor(np.float32(value)) for name, value in weights.items()}
    loss, other, terms = objective(batch, weights, active=active)
    return float(loss), None if other is None else float(other), {name: float(value) for name, value in terms.items()}


def test_every_loss_responds_to_its_weight(networks, people):
    names = LOSS_WEIGHTS.keys() - {"enhancer"}
    loss, critic, terms = lose(networks, people, LOSS_WEIGHTS)
    assert terms.keys() == names | {"discriminator"} and terms["discriminator"] == critic
    assert loss == pytest.approx(sum(LOSS_WEIGHTS[name] * terms[name] for name in names), rel=1e-5)
    assert all(terms[name] > 1e-3 for name in terms)
    alone, none, again = lose(networks, people, LOSS_WEIGHTS, frozenset())
    assert none is None and again.keys() == names - CRITICAL
    assert alone == pytest.approx(sum(LOSS_WEIGHTS[name] * terms[name] for name in again), rel=1e-4)


def test_without_the_enhancer_the_picture_has_no_detail_of_the_photo(networks, people):
    _, _, terms = lose(networks, people, LOSS_WEIGHTS)
    _, _, without = lose(networks, people, LOSS_WEIGHTS | {"enhancer": 0.0})
    assert without["reconstruction"] == pytest.approx(without["base"], rel=1e-5)
    assert without["base"] == pytest.approx(terms["base"], rel=1e-5)
    assert terms["reconstruction"] < 0.5 * terms["base"]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="computes gradients with TensorFlow")
def test_the_critic_teaches_itself_alone(networks, people):
    import tensorflow as tf

    generators = [weight.value for network in networks.generators for weight in network.trainable_variables]
    critic = [weight.value for weight in networks["discriminator"].trainable_variables]
    objective = SYSTEM.build_objective(
        networks=networks, people=to_device(people), config=CONFIG, seed=keras.random.SeedGenerator(4)
    )
    batch = Batch(index_a=np.array([0, 3], np.int32), index_b=np.array([2, 4], np.int32))
    weights = {name: tf.constant(1.0) for name in LOSS_WEIGHTS}
    with tf.GradientTape(persistent=True) as tape:
        made, told, _ = objective(batch, weights, active=BOTH)
    assert all(gradient is None for gradient in tape.gradient(told, generators))
    assert any(np.any(gradient) for gradient in tape.gradient(told, critic))
    assert all(gradient is not None for gradient in tape.gradient(made, generators)), "every generator is trained"


@pytest.mark.parametrize("capacity", ["tiny", "lite", "paper"])
def test_outputs_of_the_networks(capacity):
    networks = build_networks(dataclasses.replace(TINY, capacity=capacity))
    widths = WIDTHS[capacity]
    size = widths.embedding
    assert networks["embedder"].output_shape == (None, size) and networks["texture"].output_shape == (None, 64, 64, 3)
    side = 64 // widths.shrink
    assert networks["inference"].output_shape == [(None, side, side, channels) for channels in (2, 3, 1)]
    score, *features = networks["discriminator"].output_shape
    assert score == (None, 8, 8, 1) and len(features) == widths.discriminator_blocks


def test_the_same_seed_builds_the_same_networks():
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        weights.append([array for network in build_networks(TINY).generators for array in network.get_weights()])
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))


def test_numbers_of_a_shape_are_about_minus_1_to_1(people):
    numbers = to_numpy(shape_numbers(ShapeBatch(**{name: to_tensor(v) for name, v in vars(people.shapes).items()})))
    assert numbers.shape == (6, 142) and np.abs(numbers).max() < 1.1
    assert numbers[:, :136].reshape(6, 68, 2) == pytest.approx(people.shapes.points / 128 - 1, abs=1e-5)
    blind = ShapeBatch(points=people.shapes.points[:1], irises=np.zeros((1, 2, 3), np.float32), yaw=np.zeros(1))
    assert (
        to_numpy(shape_numbers(ShapeBatch(**{n: to_tensor(v) for n, v in vars(blind).items()})))[:, 136:] == 0
    ).all()


def test_splat_is_the_transpose_of_sampling():
    random = np.random.default_rng(0)
    values, pictures = (random.normal(size=(2, 9, 9, 3)).astype(np.float32) for _ in range(2))
    places = random.uniform(-2, 11, (2, 9, 9, 2)).astype(np.float32)
    there, back = splat(to_tensor(values), to_tensor(places)), grid_sample(to_tensor(pictures), to_tensor(places))
    assert float(np.sum(to_numpy(there) * pictures)) == pytest.approx(float(np.sum(values * to_numpy(back))), rel=1e-4)
    one = np.zeros((1, 4, 4, 1), np.float32)
    one[0, 0, 0] = 8
    where = np.full((1, 4, 4, 2), 3.0, np.float32)
    where[0, 0, 0] = 1.25, 2.0
    expected = np.zeros((4, 4))
    expected[2, 1], expected[2, 2] = 6, 2
    np.testing.assert_allclose(to_numpy(splat(to_tensor(one), to_tensor(where)))[0, ..., 0], expected, atol=1e-6)


def made_layers(places: np.ndarray, seed: int = 0) -> Layers:
    low = np.random.default_rng(seed).uniform(-0.3, 0.3, (*places.shape[:3], 3)).astype(np.float32)
    return Layers(to_tensor(places.astype(np.float32)), to_tensor(low), to_tensor(low[..., :1]))


def test_the_picture_of_the_photo_itself_is_the_photo():
    """Whatever the networks make, the detail makes up for it."""
    random = np.random.default_rng(1)
    photo, texture = (random.uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32) for _ in range(2))
    grid = to_numpy(pixel_places(32))
    layers = made_layers(grid + 2.5 + 1.5 * np.sin(grid[..., ::-1] / 5))
    detail = read_detail(to_tensor(texture), to_tensor(photo), layers)
    made = compose(to_tensor(texture), detail, layers)
    inner = (slice(None), slice(4, -6), slice(4, -6))
    assert np.abs(to_numpy(made.sources) - grid)[inner].max() < 0.2
    assert np.abs(to_numpy(made.picture) - photo)[inner].mean() < 0.1
    base = to_numpy(layers.low) + to_numpy(grid_sample(to_tensor(texture), layers.places))
    np.testing.assert_allclose(to_numpy(made.base), base, atol=1e-5)


def test_what_the_photo_does_not_show_is_generated():
    photo, texture = np.full((1, 32, 32, 3), 0.5, np.float32), np.full((1, 32, 32, 3), -0.5, np.float32)
    grid = to_numpy(pixel_places(32))
    seen = to_tensor((grid * [0.4, 1.0]).astype(np.float32))  # only the left of the texture
    dark = Layers(seen, to_tensor(0 * photo), None)
    made = compose(to_tensor(texture), read_detail(to_tensor(texture), to_tensor(photo), dark), made_still(grid))
    picture = to_numpy(made.picture)[0, ..., 0]
    assert picture[:, :11] == pytest.approx(0.5, abs=0.05) and picture[:, 15:] == pytest.approx(-0.5, abs=1e-3)


def made_still(grid: np.ndarray) -> Layers:
    return Layers(to_tensor(grid.astype(np.float32)), to_tensor(np.zeros((1, 32, 32, 3), np.float32)), None)


def test_losses_of_known_pictures():
    ones = np.ones((1, 8, 8, 1), np.float32)
    assert float(avatar_losses.relativistic_hinge(ones, ones)) == pytest.approx(2)
    assert float(avatar_losses.relativistic_hinge(3 * ones, ones)) == pytest.approx(0)
    assert float(avatar_losses.relativistic_hinge(ones, 1.5 * ones)) == pytest.approx(3)
    checks = (np.indices((8, 8)).sum(axis=0) % 2).astype(np.float32)[None, ..., None] * np.ones(3, np.float32)
    assert float(avatar_losses.low_frequency(checks, 1 - checks, ones)) == pytest.approx(0, abs=1e-6)
    half = ones * (np.arange(8) < 4)[:, None]
    assert float(avatar_losses.masked_l1(0 * checks, 2 * half + 0 * checks, half)) == pytest.approx(2, rel=0.05)
    logits = np.array([-3.0, 0.0, 2.0], np.float32).reshape(1, 1, 3, 1)
    mask = np.array([0.0, 0.5, 1.0], np.float32).reshape(1, 1, 3, 1)
    share = 1 / (1 + np.exp(-logits))
    expected = -np.mean(mask * np.log(share) + (1 - mask) * np.log(1 - share))
    assert float(avatar_losses.cross_entropy(logits, mask)) == pytest.approx(expected, rel=1e-5)
    assert float(avatar_losses.feature_matching([ones, ones], [ones, 3 * ones])) == pytest.approx(1)


def test_layers_compute_what_they_say():
    random = np.random.default_rng(0)
    x, embedding = random.normal(2, 3, (2, 6, 6, 4)).astype(np.float32), random.normal(size=(2, 5)).astype(np.float32)
    layer = AdaptiveNorm()
    made = to_numpy(layer([to_tensor(x), to_tensor(embedding)]))
    kernel, bias = layer.project.get_weights()
    scale, offset = np.split((embedding @ kernel + bias)[:, None, None], 2, axis=-1)
    normal = (x - x.mean(axis=(1, 2), keepdims=True)) / np.sqrt(x.var(axis=(1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(made, normal * (1 + scale) + offset, atol=1e-4)
    constant = LearnedConstant(4, 3)
    assert np.array_equal(to_numpy(constant(to_tensor(embedding)))[1], constant.get_weights()[0][0])
    assert LearnedConstant.from_config(constant.get_config()).channels == 3


def test_the_renderer_computes_what_the_networks_compute(networks, people):
    photo, shape = shrink(people.images[0], 64), people.shapes.shape(0)
    renderer = AvatarRenderer(networks, photo, shape)
    shapes = people.shapes.take(np.arange(5))
    made = renderer.render(shapes)
    assert made.shape == (5, 64, 64, 3) and made.dtype == np.uint8 and np.ptp(made) > 20

    from faceswap_lib.reenactment.shape_pictures import stick_figure

    head = renderer.head[None, ..., None].astype(np.float32) / 255
    source, own = to_tensor(to_float(photo)[None]), people.shapes.take(np.array([0]))
    seen = np.concatenate([to_float(photo)[None] * head, stick_figure(own, 64) * 2 - 1], axis=-1)
    embedding = networks["embedder"](to_tensor(seen))
    texture = networks["texture"](embedding)

    def infer(asked: ShapeBatch) -> Layers:
        tensors = ShapeBatch(**{name: to_tensor(value) for name, value in vars(asked).items()})
        return infer_layers(networks["inference"], WIDTHS["tiny"], tensors, embedding, 64, training=False)

    detail = read_detail(texture, source, infer(own))
    for index in range(5):
        layers = infer(shapes.take(np.array([index])))
        composed = compose(texture, detail, layers)
        share = 1 / (1 + np.exp(-to_numpy(layers.segmentation)))
        behind = to_numpy(grid_sample(to_tensor(to_float(renderer.background)[None]), composed.sources))
        expected = np.clip(share * to_numpy(composed.picture) + (1 - share) * behind, -1, 1)
        assert made[index] == pytest.approx((expected[0] + 1) * 127.5, abs=1.0)
    one = renderer.render(shapes.take(np.array([2])))
    assert one[0] == pytest.approx(made[2], abs=1)


def test_the_photo_with_its_own_shape_stays_nearly_as_it_is(networks, people):
    photo = shrink(people.images[0], 64)
    renderer = AvatarRenderer(networks, photo, people.shapes.shape(0))
    made = renderer.render(people.shapes.take(np.array([0])))[0].astype(float)
    inside = renderer.head > 250
    # The segmentation is untrained: half of the background shows through, so only its own share is compared.
    expected = (photo.astype(float) + renderer.background) / 2
    assert np.abs(made - expected)[inside].mean() < 8
    plain = AvatarRenderer(networks, photo, people.shapes.shape(0), uses_detail=False)
    assert np.abs(plain.render(people.shapes.take(np.array([0])))[0] - expected)[inside].mean() > 12
    assert renderer.texture.shape == (64, 64, 3) and np.ptp(renderer.texture) > np.ptp(plain.texture)


class LandmarksAsShapes:
    """Shapes from the five landmarks of the crops, so that no landmark network is needed."""

    name = "five"

    def detect(self, crops):
        from faceswap_lib.faces.mean_face import place_mean_face

        return [FaceShape(points=place_mean_face(crop.landmarks * 256 / len(crop.image))) for crop in crops]


def test_losses_fall_and_a_resumed_training_ends_with_the_same_bytes(workspace_copy, monkeypatch):
    monkeypatch.setattr(people_module, "open_shape_detector", LandmarksAsShapes)
    logged: dict[int, dict[str, float]] = {}

    def train(run: str, **options):
        loop = LoopConfig(log_every=1, checkpoint_every=20, preview_interval="", divergence_guard=False)
        return train_reenactment(
            [workspace_copy], run=run, network_config=TINY, config=CONFIG, run_config=loop, **options
        )

    train("whole", on_log=logged.__setitem__)
    asked = iter(range(100))
    assert train("parts", should_stop=lambda: next(asked) >= 9).step == 10
    assert train("parts").resumed_at == 10
    whole, parts = (read_arrays(workspace_copy.run(run), 20) for run in ("whole", "parts"))
    assert whole.keys() == parts.keys() and len(whole) > 100
    different = [n for n, array in whole.items() if n != "seconds" and not np.array_equal(array, parts[n])]
    assert not different
    for name in ("base", "low_frequency", "segmentation"):
        first, last = (np.mean([logged[step][name] for step in steps]) for steps in ((1, 2, 3), (18, 19, 20)))
        assert last < 0.9 * first, name
