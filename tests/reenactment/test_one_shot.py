"""One-shot face reenactment in its smallest size, on the portraits."""

import dataclasses

import keras
import numpy as np
import pytest

from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.reenactment import people as people_module
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.device_warp import warp_fields, warp_pictures
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.learned_fusion import compose
from faceswap_lib.reenactment.pair_views import to_device, view_pairs
from faceswap_lib.reenactment.people import ReenactmentDataset
from faceswap_lib.reenactment.preview import PairPreview
from faceswap_lib.reenactment.rendering import to_float
from faceswap_lib.reenactment.shape_pictures import ShapeBatch, stack_shapes
from faceswap_lib.reenactment.systems.one_shot import SYSTEM, OneShotRenderer
from faceswap_lib.reenactment.systems.one_shot_contours import exchange_contours, find_partners, mean_outlines
from faceswap_lib.reenactment.systems.one_shot_losses import LOSS_WEIGHTS, part_weights
from faceswap_lib.reenactment.systems.one_shot_networks import DISCRIMINATORS, shape_maps
from faceswap_lib.reenactment.training import train_reenactment
from faceswap_lib.reenactment.warping import warp_piecewise_affine
from faceswap_lib.training import LoopConfig
from faceswap_lib.training.loss_model import Batch
from tests.conftest import read_arrays
from tests.reenactment.faces import open_mouth, portrait_crop

TINY = ReenactmentNetworkConfig(system="one-shot", resolution=64, capacity="tiny")
CONFIG = ReenactmentTrainConfig(batch_size=2, steps=20, warmup_steps=2, learning_rate=2e-3, rotation_range=0)
BOTH = frozenset({"adversarial"})

to_numpy = keras.ops.convert_to_numpy


@pytest.fixture(scope="module")
def people(portraits) -> ReenactmentDataset:
    """Both portraits with mouths that are opened by a warp, three crops each; one of them has a wider face."""
    images, shapes = [], []
    for number, portrait in enumerate(portraits):
        image, shape = portrait_crop(portrait)
        for gap in (0, 6, 14):
            points = open_mouth(shape.points, gap)
            if number:
                points = points + np.pad((points[:17] - 128) * [0.1, 0.0], ((0, 51), (0, 0)))
            images.append(shrink(warp_piecewise_affine(image, shape.points, points).image, TINY.stored_size))
            shapes.append(FaceShape(points=points, irises=shape.irises))
    return ReenactmentDataset(
        names=("one", "other"),
        images=np.stack(images),
        shapes=stack_shapes(shapes),
        person=np.repeat([0, 1], 3).astype(np.int32),
        frames=np.tile(np.arange(3), 2),
        rarity=np.ones(6),
    )


@pytest.fixture
def networks():
    keras.utils.set_random_seed(1)
    return SYSTEM.build_networks(TINY)


def lose(networks, people: ReenactmentDataset, weights: dict[str, float], active=BOTH, config=CONFIG):
    """The losses of one pair of each person; the same random numbers every time."""
    objective = SYSTEM.build_objective(
        networks=networks, people=to_device(people), config=config, seed=keras.random.SeedGenerator(4)
    )
    batch = Batch(index_a=np.array([0, 3], np.int32), index_b=np.array([2, 4], np.int32))
    weights = {name: keras.ops.convert_to_tensor(np.float32(value)) for name, value in weights.items()}
    loss, other, terms = objective(batch, weights, active=active)
    return float(loss), None if other is None else float(other), {name: float(value) for name, value in terms.items()}


def test_every_loss_responds_to_its_weight(networks, people):
    quiet = LOSS_WEIGHTS | {"contour_exchange": 0.0, "code_noise": 0.0}
    names = LOSS_WEIGHTS.keys() - {"contour_exchange", "code_noise", "strangers"}
    loss, critics, terms = lose(networks, people, quiet)
    assert terms.keys() == names | {"discriminator"} and terms["discriminator"] == critics
    assert loss == pytest.approx(sum(quiet[name] * terms[name] for name in names), rel=1e-5)
    assert all(terms[name] > 1e-3 for name in terms)
    for name in ("fusion", "parts"):
        without, _, again = lose(networks, people, quiet | {name: 0.0})
        assert again == pytest.approx(terms, rel=1e-5)
        assert without == pytest.approx(loss - quiet[name] * terms[name], rel=1e-4)
    alone, none, again = lose(networks, people, quiet, frozenset())
    assert none is None and again.keys() == names - {"adversarial"}
    assert alone == pytest.approx(sum(quiet[name] * value for name, value in again.items()), rel=1e-5)
    assert terms["fusion"] > again["fusion"], "the fused picture has an adversarial loss too"


def test_code_noise_and_contour_exchange_can_be_switched_on(networks, people):
    quiet = LOSS_WEIGHTS | {"contour_exchange": 0.0, "code_noise": 0.0}
    _, _, terms = lose(networks, people, quiet)
    for name in ("contour_exchange", "code_noise"):
        _, _, changed = lose(networks, people, quiet | {name: 1.0})
        assert abs(changed["reconstruction"] - terms["reconstruction"]) > 1e-5, name


def test_the_fusion_sees_strangers_where_the_decoder_made_its_picture_of_another_pair(networks, people):
    """Of four pairs, the first is shown with the appearance of the second; only the fused picture changes."""
    config = dataclasses.replace(CONFIG, batch_size=4)
    objective = SYSTEM.build_objective(
        networks=networks, people=to_device(people), config=config, seed=keras.random.SeedGenerator(4)
    )
    codes = keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=(4, 32)).astype(np.float32))
    *features, _ = networks["appearance_decoder"](codes)
    maps = shape_maps(people.shapes.take(np.arange(4)), 64)
    pictures = networks["decoder"]([codes, *features, *maps])
    shown = [to_numpy(objective._show_strangers(pictures, [codes, *features], maps, share)) for share in (0.0, 1.0)]
    assert (shown[0] == to_numpy(pictures)).all() and (shown[1][1:] == shown[0][1:]).all()
    *turned, _ = networks["appearance_decoder"](codes[1:2])
    expected = networks["decoder"]([codes[1:2], *turned, *(own[:1] for own in maps)])
    assert shown[1][:1] == pytest.approx(to_numpy(expected), abs=1e-4)
    assert np.abs(shown[1][0] - shown[0][0]).max() > 0.05


def test_without_a_face_network_two_losses_are_left_out(networks, people):
    config = dataclasses.replace(CONFIG, perceptual="none")
    _, _, terms = lose(networks, people, LOSS_WEIGHTS, config=config)
    assert terms.keys().isdisjoint({"perceptual", "identity"})


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="computes gradients with TensorFlow")
def test_the_critics_do_not_teach_the_generators_and_the_fusion_does_not_teach_the_decoder(networks, people):
    import tensorflow as tf

    decoder = [weight.value for weight in networks["decoder"].trainable_variables]
    critics = [w.value for name in DISCRIMINATORS for w in networks[name].trainable_variables]
    fusion = [weight.value for weight in networks["fusion"].trainable_variables]
    objective = SYSTEM.build_objective(
        networks=networks, people=to_device(people), config=CONFIG, seed=keras.random.SeedGenerator(4)
    )
    batch = Batch(index_a=np.array([0, 3], np.int32), index_b=np.array([2, 4], np.int32))
    weights = {name: tf.constant(float(name == "fusion")) for name in LOSS_WEIGHTS}
    with tf.GradientTape(persistent=True) as tape:
        fused, told, _ = objective(batch, weights, active=BOTH)
    assert all(gradient is None for gradient in tape.gradient(told, decoder))
    assert any(np.any(gradient) for gradient in tape.gradient(told, critics))
    assert not any(np.any(gradient) for gradient in tape.gradient(fused, decoder) if gradient is not None)
    assert any(np.any(gradient) for gradient in tape.gradient(fused, fusion))


def test_weights_of_parts_are_highest_at_the_irises_and_zero_far_away(people):
    maps = shape_maps(people.shapes, 64, ops=keras.ops)[-1]
    weights = to_numpy(part_weights(maps))[0, ..., 0]
    x, y = np.round((people.shapes.irises[0, 0, :2] + 0.5) / 8 - 0.5).astype(int)
    assert weights[y, x] == pytest.approx(4, abs=0.3) and weights.max() <= 4
    assert weights[0].max() < 0.05, "hair"


def test_maps_of_all_scales_have_the_same_mean(people):
    maps = [to_numpy(own) for own in shape_maps(people.shapes, 64, ops=keras.ops)]
    assert [own.shape for own in maps] == [(6, side, side, 9) for side in (4, 8, 16, 32)]
    for own in maps:
        assert own.mean(axis=(1, 2)) == pytest.approx(maps[-1].mean(axis=(1, 2)), abs=1e-5)


def exchange(people: ReenactmentDataset, share: float):
    device = to_device(people)
    config = dataclasses.replace(CONFIG, batch_size=4, zoom_range=0, shift_range=0)
    seed = keras.random.SeedGenerator(2)
    index = np.array([0, 1, 3, 4], np.int32)
    pairs = view_pairs(device, index, index, config, 64, seed)
    return pairs, exchange_contours(pairs, mean_outlines(device), share, seed)


def test_contour_exchange_moves_only_the_outline_towards_that_of_another_person(people):
    before, after = exchange(people, 1.0)
    points, moved = (to_numpy(pairs.target_shapes.points) for pairs in (before, after))
    assert (points[:, 17:] == moved[:, 17:]).all()
    means = [people.shapes.points[people.person == number, :17].mean(axis=0) for number in (0, 1)]
    way = np.stack([means[1] - means[0]] * 2 + [means[0] - means[1]] * 2)
    steps = ((moved - points)[:, :17] * way).sum(axis=(1, 2)) / (way**2).sum(axis=(1, 2))
    assert (steps > 0).all() and (steps < 1.5).all() and np.ptp(steps) > 0.05
    assert (moved - points)[:, :17] == pytest.approx(steps[:, None, None] * way, abs=1e-2)
    pictures, warped = (to_numpy(pairs.target) for pairs in (before, after))
    change = np.abs(pictures - warped).mean(axis=-1)
    assert change[:, 20:50].max() > 0.1, "the jaw moved"
    assert (to_numpy(before.source) == to_numpy(after.source)).all()


def test_without_contour_exchange_targets_stay_as_they_are(people):
    before, after = exchange(people, 0.0)
    assert (to_numpy(before.target) == to_numpy(after.target)).all()
    assert (to_numpy(before.target_shapes.points) == to_numpy(after.target_shapes.points)).all()


@pytest.mark.parametrize("person", [[0, 1], [2, 2, 0, 2], [5, 5, 5, 1, 5, 0], [3, 3]])
def test_the_partner_is_the_next_person_of_the_batch_that_differs(person):
    expected = []
    for index, own in enumerate(person):
        others = [person[(index + step) % len(person)] for step in range(1, len(person))]
        expected.append(next((other for other in others if other != own), own))
    found = find_partners(keras.ops.convert_to_tensor(np.array(person, np.int32)), len(person))
    assert to_numpy(found).tolist() == expected


def test_the_renderer_computes_what_the_networks_compute(networks, people):
    last = networks["fusion"].get_layer("last")
    last.set_weights([np.random.default_rng(0).normal(size=w.shape).astype(np.float32) for w in last.get_weights()])
    photo, shape = shrink(people.images[0], 64), people.shapes.shape(0)
    renderer = OneShotRenderer(networks, photo, shape)
    shapes = people.shapes.take(np.arange(5))
    made = renderer.render(shapes)
    assert made.shape == (5, 64, 64, 3) and made.dtype == np.uint8 and np.ptp(made) > 20
    sources = np.repeat(to_float(photo)[None], 5, axis=0)
    code = networks["appearance_encoder"](sources)
    *features, _ = networks["appearance_decoder"](code)
    maps = shape_maps(shapes, 64)
    picture = networks["decoder"]([code, *features, *maps])
    points = np.repeat(shape.points[None].astype(np.float32), 5, axis=0)
    fields = warp_fields(*(keras.ops.convert_to_tensor(own) for own in (points, shapes.points)), 64)
    warped = warp_pictures(keras.ops.convert_to_tensor(sources), fields)
    fused, _ = compose(picture, warped, networks["fusion"]([picture, warped, fields, maps[-1]]))
    assert made == pytest.approx((to_numpy(fused) + 1) * 127.5, abs=0.6)
    one = renderer.render(ShapeBatch(**{name: value[2:3] for name, value in vars(shapes).items()}))
    assert one[0] == pytest.approx(made[2], abs=1)


def test_untrained_fusion_leaves_the_generated_picture(networks, people):
    photo, shape = shrink(people.images[0], 64), people.shapes.shape(0)
    renderer = OneShotRenderer(networks, photo, shape)
    shapes = people.shapes.take(np.arange(2))
    parts = renderer.render_parts(shapes)
    assert (renderer.render(shapes) == parts["generated"]).all()
    assert (parts["alpha"] == 128).all() and parts["alpha"].shape == (2, 64, 64, 1)
    assert renderer.rebuilt.shape == (64, 64, 3) and renderer.rebuilt.dtype == np.uint8


class LandmarksAsShapes:
    """Shapes from the five landmarks of the crops, so that no landmark network is needed."""

    name = "five"

    def detect(self, crops):
        from faceswap_lib.faces.mean_face import place_mean_face

        return [FaceShape(points=place_mean_face(crop.landmarks * 256 / len(crop.image))) for crop in crops]


def test_losses_fall_and_a_resumed_training_ends_with_the_same_bytes(workspace_copy, monkeypatch):
    monkeypatch.setattr(people_module, "open_shape_detector", LandmarksAsShapes)
    monkeypatch.setattr(PairPreview, "draw", lambda self, networks: np.zeros((8, 8, 3), np.uint8))
    config = dataclasses.replace(CONFIG, perceptual="none")
    logged: dict[int, dict[str, float]] = {}

    def train(run: str, steps: int, **options):
        loop = LoopConfig(log_every=1, checkpoint_every=steps, preview_interval="", divergence_guard=False)
        return train_reenactment(
            [workspace_copy], run=run, network_config=TINY, config=config, run_config=loop, **options
        )

    train("whole", 20, on_log=logged.__setitem__)
    asked = iter(range(100))
    assert train("parts", 20, should_stop=lambda: next(asked) >= 9).step == 10
    assert train("parts", 20).resumed_at == 10
    whole, parts = (read_arrays(workspace_copy.run(run), 20) for run in ("whole", "parts"))
    assert whole.keys() == parts.keys() and len(whole) > 100
    different = [n for n, array in whole.items() if n != "seconds" and not np.array_equal(array, parts[n])]
    assert not different
    for name in ("reconstruction", "appearance", "fusion"):
        first, last = (np.mean([logged[step][name] for step in steps]) for steps in ((1, 2, 3), (18, 19, 20)))
        assert last < 0.8 * first, name
