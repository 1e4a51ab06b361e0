"""Networks that know faces, as judges of pictures: they see what is in a face, on pictures of their own range."""

import keras
import numpy as np
import pytest
from keras import ops
from mtcnn.stages.stage_onet import StageONet
from skimage.data import astronaut

from faceswap_lib.errors import InputError
from faceswap_lib.networks.pretrained import onet
from faceswap_lib.networks.pretrained.vggface import build_vggface
from faceswap_lib.training import TrainConfig
from faceswap_lib.training.perceptual import (
    VGGFACE_LAYERS,
    open_landmark_loss,
    open_perceptual_loss,
    resize,
    resize_matrix,
)
from tests.weight_files import randomize, resnet50_layers, write_weights

FACE = (slice(50, 178), slice(160, 288))
"""Where the face of scikit-image's portrait is."""


def number(value) -> float:
    return float(ops.convert_to_numpy(value))


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return astronaut()[FACE][None].astype(np.float32)


def blurred(picture: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(resize(resize(picture, 32), 128))


def test_no_network_is_opened_unless_asked_for():
    assert open_perceptual_loss(TrainConfig(perceptual="none"), 64) is None
    assert open_landmark_loss(TrainConfig(landmarks_weight=0.0)) is None


def test_onet_sees_blur_and_not_brightness(face):
    judge = open_perceptual_loss(TrainConfig(perceptual="onet"), 128)
    assert number(judge.distance(face, face)) == pytest.approx(0, abs=1e-6)
    brighter, blur = number(judge.distance(face * 0.9 + 10, face)), number(judge.distance(blurred(face), face))
    mirrored = number(judge.distance(face[:, :, ::-1], face))
    assert 0 < brighter < 0.2 * blur and blur < mirrored
    assert not judge.model.trainable_variables


def test_only_the_fake_learns(face):
    """Gradients reach the first picture, never the second."""
    judge = open_perceptual_loss(TrainConfig(perceptual="onet"), 128)
    if keras.backend.backend() != "tensorflow":
        pytest.skip("gradients are taken with TensorFlow here")
    import tensorflow as tf

    fake, real = tf.Variable(blurred(face)), tf.Variable(face)
    with tf.GradientTape() as tape:
        loss = judge.distance(fake, real)
    to_fake, to_real = tape.gradient(loss, [fake, real])
    assert to_real is None and np.abs(to_fake.numpy()).max() > 0


def test_onets_points_are_those_of_the_detector(face):
    """The network built anew says what the package's own says."""
    picture = ops.convert_to_numpy(resize(face, onet.SIDE))
    read = onet.preprocess(picture)
    ours = ops.convert_to_numpy(onet.build_onet_points()(read))
    theirs = StageONet().model(read)[1].numpy()
    assert ours == pytest.approx(theirs, abs=1e-5)
    x, y = ours[0, :5], ours[0, 5:]
    assert x[0] < x[2] < x[1] and y[0] < y[2] < y[3] and np.all((ours > 0.1) & (ours < 0.9))


def test_landmarks_move_with_the_face(face):
    judge = open_landmark_loss(TrainConfig(landmarks_weight=1.0))
    assert number(judge.distance(face, face)) == pytest.approx(0, abs=1e-6)
    moved = np.roll(face, 8, axis=2)  # a sixteenth of the side, along x alone
    assert number(judge.distance(moved, face)) == pytest.approx(8 / 128 / 2, abs=0.012)


def test_vggface_reads_the_published_file(tmp_path, face):
    path = write_weights(tmp_path / "faces.h5", randomize(build_vggface("resnet50")), resnet50_layers())
    config = TrainConfig(perceptual="vggface", vggface=path, perceptual_resolution=64)
    judge = open_perceptual_loss(config, 128)
    assert judge.name == "vggface-resnet50" and judge.side == 64
    assert [tuple(output.shape[1:]) for output in judge.model.outputs][0] == (32, 32, 64)
    assert number(judge.distance(face, face)) == pytest.approx(0, abs=1e-6)
    assert number(judge.distance(blurred(face), face)) > 0
    assert dict(zip(VGGFACE_LAYERS["resnet50"], judge.layer_weights, strict=True)) == {
        "conv1_7x7_s2": 0.1,
        "conv2_3_relu": 0.3,
        "conv3_4_relu": 0.1,
        "conv5_3_relu": 0.01,
    }


def test_without_vggface_auto_takes_onet_and_says_so(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    with caplog.at_level("WARNING"):
        assert open_perceptual_loss(TrainConfig(perceptual="auto"), 64).name == "onet"
    assert "O-Net instead of VGGFace" in caplog.text and "rcmalli_vggface_tf_notop_resnet50.h5" in caplog.text


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="nothing.h5"):
        open_perceptual_loss(TrainConfig(perceptual="vggface", vggface=tmp_path / "nothing.h5"), 64)


@pytest.mark.parametrize(("had", "side"), [(4, 2), (6, 4), (128, 48), (3, 6), (64, 224), (5, 5)])
def test_resizing_keeps_what_is_constant_and_where_the_middle_is(had, side):
    weights = resize_matrix(had, side)
    assert weights.shape == (side, had) and weights.sum(1) == pytest.approx(1)
    assert weights[::-1, ::-1] == pytest.approx(weights, abs=1e-6)
    ramp = weights @ (np.arange(had) + 0.5)
    inner = slice(side // had, side - side // had)
    assert ramp[inner] == pytest.approx(((np.arange(side) + 0.5) * had / side)[inner], abs=0.51 if side < had else 1e-4)


def test_shrinking_is_a_mean_over_areas():
    picture = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    assert ops.convert_to_numpy(resize(picture, 2))[0, ..., 0] == pytest.approx(np.array([[2.5, 4.5], [10.5, 12.5]]))
