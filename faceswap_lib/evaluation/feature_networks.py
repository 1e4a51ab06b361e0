"""Networks whose features a perceptual distance compares: VGG16 of ImageNet, VGGFace, MTCNN's last network."""

import dataclasses
import pathlib
import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.weight_sums import check_sum
from faceswap_lib.networks.pretrained.vggface_files import explain_missing, find_weights, keras_homes
from faceswap_lib.networks.pretrained.weights_catalog import VGG16_FILE, VGG16_URL

if typing.TYPE_CHECKING:
    import keras

VGG16_SIDE = 256
"""Side in pixels at which VGG16 looks: that of a stored crop."""

VGG16_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
"""The layers that LPIPS compares."""

VGG16_MEAN_BGR = (103.939, 116.779, 123.68)
"""Mean blue, green and red of ImageNet, which VGG16's inputs are less by."""

O_NET_SIDE = 256
"""Side in pixels at which MTCNN's last network looks: that of a stored crop.

As a detector it reads 48 pixels, but at 48 it is all but blind to what is fine in a crop. Against two different people,
whose distance is 0.79 at 48 pixels and 1.19 at 256, a blur of 1 pixel counts 0.001 and 0.067, noise of 16 levels 0.002
and 0.24, JPEG of quality 20 0.004 and 0.09. Its convolutions take pictures of any side.
"""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FeatureNetwork:
    """A network and how it wants its pictures.

    Attributes:
        name: Which network, by which weights.
        side: Side of its pictures in pixels.
        preprocess: From (B, side, side, 3) uint8 RGB to what it reads.
        model: From that to a list of (B, H, W, C).
    """

    name: str
    side: int
    preprocess: typing.Callable[[np.ndarray], typing.Any]
    model: "keras.Model"


def open_features(network: str, path: pathlib.Path | None = None) -> FeatureNetwork:
    """Opens a network by name; see `lpips_like.open_perceptual`."""
    if path is not None and network not in ("vgg16", "vggface"):
        raise InputError(f"{path}: say which network these weights are of, vgg16 or vggface, not {network}")
    if network == "auto":
        return _open_vgg16(None) or _open_vggface(None) or _open_o_net()
    if network == "vgg16":
        features = _open_vgg16(path)
        lack = (
            f"{VGG16_FILE} is not in {_vgg16_folders()}; fetch it: faceswap weights fetch vgg16-imagenet; or download "
            f"{VGG16_URL} and put it there"
        )
    elif network == "vggface":
        features, lack = _open_vggface(path), explain_missing("resnet50")
    elif network == "onet":
        return _open_o_net()
    else:
        raise InputError(f"perceptual network: expected auto, vgg16, vggface or onet, got {network!r}")
    if features is None:
        raise InputError(lack)
    return features


def _vgg16_folders() -> str:
    return " or ".join(str(home / "models") for home in keras_homes())


def _open_vgg16(path: pathlib.Path | None) -> FeatureNetwork | None:
    places = [home / "models" / VGG16_FILE for home in keras_homes()] if path is None else [pathlib.Path(path)]
    found = next((place for place in places if path is not None or place.is_file()), None)
    if found is None:
        return None
    if path is None:
        check_sum(found)
    import keras

    from faceswap_lib.networks.pretrained.vggface import build_feature_extractor
    from faceswap_lib.networks.pretrained.weight_files import load_weights

    model = keras.applications.VGG16(include_top=False, weights=None, input_shape=(VGG16_SIDE, VGG16_SIDE, 3))
    load_weights(model, found)

    def preprocess(pictures: np.ndarray) -> np.ndarray:
        return pictures[..., ::-1].astype(np.float32) - np.float32(VGG16_MEAN_BGR)

    model = build_feature_extractor(model, VGG16_LAYERS)
    return FeatureNetwork(name="vgg16-imagenet", side=VGG16_SIDE, preprocess=preprocess, model=model)


def _open_vggface(path: pathlib.Path | None) -> FeatureNetwork | None:
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
        preprocess=lambda pictures: vggface.preprocess(pictures, version),
        model=model,
    )


def _open_o_net() -> FeatureNetwork:
    from faceswap_lib.networks.pretrained import onet

    return FeatureNetwork(
        name="mtcnn-onet",
        side=O_NET_SIDE,
        preprocess=lambda pictures: onet.preprocess(pictures.astype(np.float32)),
        model=onet.build_onet_features(O_NET_SIDE),
    )
