"""Feature networks for the perceptual distance: VGG16 trained on ImageNet, VGGFace, and MTCNN's last network, O-Net."""

import dataclasses
import pathlib
import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.weight_sums import check_sum, note_first_sum
from faceswap_lib.networks.pretrained.vggface_files import explain_missing, find_weights
from faceswap_lib.networks.pretrained.vggface_release import keras_homes
from faceswap_lib.networks.pretrained.weights_catalog import VGG16_FILE, VGG16_URL

if typing.TYPE_CHECKING:
    import keras

VGG16_SIDE = 256
"""Input side of VGG16 in pixels, the side of a stored crop."""

VGG16_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
"""The layers that LPIPS compares."""

VGG16_MEAN_BGR = (103.939, 116.779, 123.68)
"""Mean blue, green and red of ImageNet, which is subtracted from VGG16's inputs."""

O_NET_SIDE = 256
"""Input side of MTCNN's last network in pixels, the side of a stored crop.

As a detector the network reads 48 pixels, but at 48 pixels it hardly reacts to fine detail. Distances at 48 and at 256
pixels: 0.79 and 1.19 for two different people, 0.001 and 0.067 for a blur of 1 pixel, 0.002 and 0.24 for noise of 16
levels, 0.004 and 0.09 for JPEG of quality 20. Its convolutions accept images of any side.
"""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FeatureNetwork:
    """A feature network with its preprocessing.

    Attributes:
        name: Name of the network and of its weights.
        side: Side of the input images in pixels.
        preprocess: Maps (B, side, side, 3) uint8 RGB images to the input of the model.
        model: Maps this input to a list of feature maps (B, H, W, C).
    """

    name: str
    side: int
    preprocess: typing.Callable[[np.ndarray], typing.Any]
    model: "keras.Model"


def open_features(network: str, path: pathlib.Path | None = None) -> FeatureNetwork:
    """Opens a feature network by name; see `lpips_like.open_perceptual`."""
    if path is not None and network not in ("vgg16", "vggface"):
        raise InputError(f"{path}: say which network these weights are of, vgg16 or vggface, not {network}")
    if network == "auto":
        return _open_vgg16(None) or _open_vggface(None) or _open_o_net()
    if network == "vgg16":
        features = _open_vgg16(path)
        problem = (
            f"{VGG16_FILE} is not in {_vgg16_folders()}; fetch it: faceswap weights fetch vgg16-imagenet; or download "
            f"{VGG16_URL} and put it there"
        )
    elif network == "vggface":
        features, problem = _open_vggface(path), explain_missing("resnet50")
    elif network == "onet":
        return _open_o_net()
    else:
        raise InputError(f"perceptual network: expected auto, vgg16, vggface or onet, got {network!r}")
    if features is None:
        raise InputError(problem)
    return features


def _vgg16_folders() -> str:
    """Lists the folders that are searched for VGG16's weights, for messages."""
    return " or ".join(str(home / "models") for home in keras_homes())


def _open_vgg16(path: pathlib.Path | None) -> FeatureNetwork | None:
    """Opens VGG16; returns None if no path is passed and the weights are not on this machine."""
    places = [home / "models" / VGG16_FILE for home in keras_homes()] if path is None else [pathlib.Path(path)]
    found = next((place for place in places if path is not None or place.is_file()), None)
    if found is None:
        return None
    if path is None:
        check_sum(found)
    import keras

    from faceswap_lib.networks.pretrained.vggface import build_feature_extractor
    from faceswap_lib.networks.pretrained.weight_files import load_weights

    model = keras.applications.VGG16(
        include_top=False,
        weights=None,  # pyright: ignore[reportArgumentType] - Keras documents None, but has no annotation
        input_shape=(VGG16_SIDE, VGG16_SIDE, 3),
    )
    load_weights(model, found)
    if path is None:
        note_first_sum(found)

    def preprocess(images: np.ndarray) -> np.ndarray:
        return images[..., ::-1].astype(np.float32) - np.array(VGG16_MEAN_BGR, np.float32)

    model = build_feature_extractor(model, VGG16_LAYERS)
    return FeatureNetwork(name="vgg16-imagenet", side=VGG16_SIDE, preprocess=preprocess, model=model)


def _open_vggface(path: pathlib.Path | None) -> FeatureNetwork | None:
    """Opens VGGFace: ResNet50, or VGG16 if ResNet50's weights are missing; returns None if neither file is found."""
    architecture = "resnet50"
    found = find_weights(architecture, path)
    if found is None:
        architecture = "vgg16"
        found = find_weights(architecture)
    if found is None:
        return None
    from faceswap_lib.networks.pretrained import vggface

    model = vggface.build_feature_extractor(
        vggface.open_vggface(architecture, found), vggface.FEATURE_LAYERS[architecture]
    )
    version = vggface.VERSIONS[architecture]
    return FeatureNetwork(
        name=f"vggface-{architecture}",
        side=vggface.INPUT_SIZE,
        preprocess=lambda images: vggface.preprocess(images, version),
        model=model,
    )


def _open_o_net() -> FeatureNetwork:
    """Opens MTCNN's last network, whose weights are part of this package's dependencies."""
    from faceswap_lib.networks.pretrained import onet

    return FeatureNetwork(
        name="mtcnn-onet",
        side=O_NET_SIDE,
        preprocess=lambda images: onet.preprocess(images.astype(np.float32)),
        model=onet.build_onet_features(O_NET_SIDE),
    )
