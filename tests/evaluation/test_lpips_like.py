"""Perceptual distances: `evaluation/lpips_like.py`, `evaluation/feature_networks.py`."""

import pathlib
import shutil

import cv2
import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.evaluation.feature_networks import VGG16_FILE, VGG16_LAYERS
from faceswap_lib.evaluation.lpips_like import PerceptualMeter, open_perceptual
from faceswap_lib.faces import align_face
from faceswap_lib.faces.weight_sums import note_path
from tests.conftest import annotated_face
from tests.weight_files import randomize, vgg16_layers, write_weights


@pytest.fixture(scope="module")
def crops(portraits) -> np.ndarray:
    """(2, 256, 256, 3) two people; not to be changed."""
    return np.stack([align_face(portrait.image, annotated_face(portrait)).image for portrait in portraits])


@pytest.fixture(scope="module")
def meter() -> PerceptualMeter:
    return open_perceptual("onet")


@pytest.fixture(scope="module")
def imagenet_file(tmp_path_factory) -> pathlib.Path:
    """keras.applications' VGG16 with random weights in a file like its own, which Keras 1 had written."""
    import keras

    model = randomize(keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3)))
    layers = ["input_1", *(layer.name for layer in model.layers[1:])]
    path = tmp_path_factory.mktemp("vgg16") / VGG16_FILE
    return write_weights(path, model, layers, rename=lambda layer, weight: f"{layer}_{weight[0].upper()}_1:0")


@pytest.fixture(scope="module")
def vggface_file(tmp_path_factory) -> pathlib.Path:
    from faceswap_lib.networks.pretrained.vggface import build_vggface

    path = tmp_path_factory.mktemp("vggface") / "rcmalli_vggface_tf_notop_vgg16.h5"
    return write_weights(path, randomize(build_vggface("vgg16", 32)), vgg16_layers())


@pytest.fixture
def models(tmp_path, monkeypatch) -> pathlib.Path:
    """The folder of weights of a machine that has none."""
    for name in ("HOME", "USERPROFILE", "KERAS_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "KERAS_HOME" / "models" / "vggface").mkdir(parents=True)
    return tmp_path / "KERAS_HOME" / "models"


def noisy(crops: np.ndarray, levels: float) -> np.ndarray:
    noise = np.random.default_rng(3).normal(size=crops.shape) * levels
    return (crops + noise).clip(0, 255).round().astype(np.uint8)


def blurred(crops: np.ndarray, sigma: float) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(crop, (0, 0), sigma) for crop in crops])


def test_a_picture_is_not_different_from_itself(meter, crops):
    result = meter.measure(crops, crops)
    assert result.network == "mtcnn-onet"
    assert result.distances.shape == (2,) and result.distances.dtype == np.float64
    assert (result.distances == 0).all()


def test_both_orders_give_the_same(meter, crops):
    there, back = (meter.measure(*pair).distances for pair in ((crops, crops[::-1]), (crops[::-1], crops)))
    assert np.array_equal(there, back) and there[0] == pytest.approx(there[1], abs=1e-6)
    assert 0.5 < there[0] < 4


@pytest.mark.parametrize(("change", "amounts"), [(blurred, (0.5, 1, 2, 4, 8)), (noisy, (2, 4, 8, 16, 32))])
def test_more_of_a_change_is_a_larger_distance(meter, crops, change, amounts):
    rows = np.array([meter.measure(crops, change(crops, amount)).distances for amount in amounts])
    assert (rows[0] > 0).all() and (np.diff(rows, axis=0) > 0).all()
    assert rows[-1].max() < meter.measure(crops, crops[::-1]).distances.min()


def test_what_is_fine_in_a_crop_counts(meter, crops):
    """A blur of one pixel and noise of 16 levels are plain to see; at MTCNN's own 48 pixels they would not be."""
    assert meter.measure(crops, blurred(crops, 1)).distances.min() > 0.03
    assert meter.measure(crops, noisy(crops, 16)).distances.min() > 0.1


def test_many_pairs_at_once_give_what_single_ones_give(meter, crops):
    a = np.concatenate([crops, noisy(crops, 10), blurred(crops, 3)])
    b = a[::-1].copy()
    alone = [meter.measure(x[None], y[None]).distances[0] for x, y in zip(a, b, strict=True)]
    assert meter.measure(a, b).distances == pytest.approx(alone, abs=1e-5)
    assert meter.measure(a[:0], b[:0]).distances.shape == (0,)


def test_pictures_of_other_sizes_are_resized(meter, crops):
    small, large = (np.stack([cv2.resize(c, (s, s), interpolation=cv2.INTER_AREA) for c in crops]) for s in (96, 384))
    for other in (small, large, small[:, :, 8:-8]):
        assert 0.5 < meter.measure(other, other[::-1]).distances.min() < 4
        assert (meter.measure(other, other).distances == 0).all()


def test_shapes_that_do_not_fit_are_named(meter, crops):
    with pytest.raises(ValueError, match=r"of one shape, got \(2, 256, 256, 3\) and \(1, 256, 256, 3\)"):
        meter.measure(crops, crops[:1])
    with pytest.raises(ValueError, match=r"\(256, 256, 3\)"):
        meter.measure(crops[0], crops[0])


def test_the_features_are_those_of_mtcnns_last_network(crops):
    """Its detector's own layers, one after another, on the 48 pixels they were made for."""
    import keras
    from mtcnn.network.onet import ONet
    from mtcnn.utils.tensorflow import load_weights

    from faceswap_lib.evaluation.feature_networks import open_features

    if keras.backend.backend() != "tensorflow":
        pytest.skip("the package's own network needs TensorFlow")
    features = open_features("onet")
    small = features.preprocess(np.stack([cv2.resize(crop, (48, 48)) for crop in crops]))
    assert small == pytest.approx((np.stack([cv2.resize(crop, (48, 48)) for crop in crops]) - 127.5) / 128)
    own = ONet()
    own.build()
    own.set_weights(load_weights("onet.lz4"))
    theirs, x = [], small
    for number in (1, 2, 3, 4):
        x = getattr(own, f"prelu{number}")(getattr(own, f"conv{number}")(x))
        theirs.append(np.asarray(x))
        x = getattr(own, f"maxpool{number}")(x) if number < 4 else x
    layers = [layer for layer in features.model.layers if not isinstance(layer, keras.layers.InputLayer)]
    ours, x = [], small
    for layer in layers:
        x = layer(x)
        ours += [np.asarray(x)] if isinstance(layer, keras.layers.PReLU) else []
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_the_distance_by_hand(imagenet_file, crops):
    """Unit features, squared difference, mean over positions, mean over layers, with ImageNet's VGG16."""
    import keras

    from faceswap_lib.networks.pretrained.vggface import build_feature_extractor
    from faceswap_lib.networks.pretrained.weight_files import load_weights

    meter = open_perceptual("vgg16", imagenet_file)
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(256, 256, 3))
    load_weights(network, imagenet_file)
    taps = build_feature_extractor(network, VGG16_LAYERS)
    caffe = keras.applications.vgg16.preprocess_input(crops.astype(np.float32))
    layers = []
    for features in taps.predict_on_batch(caffe):
        a, b = features / (np.linalg.norm(features, axis=-1, keepdims=True) + 1e-10)
        layers.append(((a - b) ** 2).sum(axis=-1).mean())
    result = meter.measure(crops[:1], crops[1:])
    assert result.network == meter.network == "vgg16-imagenet"
    assert result.distances[0] == pytest.approx(np.mean(layers), rel=1e-3) and 0 < result.distances[0] < 2


def test_the_best_network_that_is_there_is_taken(models, imagenet_file, vggface_file, crops):
    assert open_perceptual().network == "mtcnn-onet"
    shutil.copy(vggface_file, models / "vggface")
    vggface = open_perceptual()
    assert vggface.network == open_perceptual("vggface").network == "vggface-vgg16"
    assert vggface.measure(crops, crops).distances.tolist() == [0, 0]
    assert vggface.measure(crops, noisy(crops, 16)).distances.min() > 0
    shutil.copy(imagenet_file, models)
    assert open_perceptual().network == "vgg16-imagenet"
    assert open_perceptual("onet").network == "mtcnn-onet"


def test_what_is_not_there_is_named(models):
    with pytest.raises(
        InputError, match=rf"{VGG16_FILE} is not in .*{models}; fetch it: .*; or download https://.*{VGG16_FILE}"
    ):
        open_perceptual("vgg16")
    with pytest.raises(InputError, match="rcmalli_vggface_tf_notop_resnet50.h5 is not in .*download"):
        open_perceptual("vggface")
    with pytest.raises(InputError, match="expected auto, vgg16, vggface or onet, got 'alexnet'"):
        open_perceptual("alexnet")
    with pytest.raises(InputError, match="say which network these weights are of, vgg16 or vggface, not auto"):
        open_perceptual(path=models / "weights.h5")
    with pytest.raises(InputError, match="gone.h5"):
        open_perceptual("vgg16", models / "gone.h5")


def test_a_damaged_file_is_not_passed_over(models, imagenet_file):
    """Nor is its sum noted: the right file is read as soon as it takes its place."""
    place = models / VGG16_FILE
    for damaged, problem in (
        (b"", "expected network weights in HDF5"),
        (b"half a network", "expected network weights in HDF5"),
        (imagenet_file.read_bytes()[:100_000], "cut short or damaged"),
    ):
        place.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=f"{VGG16_FILE}: {problem}"):
            open_perceptual()
        assert not note_path(place).exists()
    shutil.copy(imagenet_file, place)
    assert open_perceptual().network == "vgg16-imagenet" and note_path(place).is_file()
