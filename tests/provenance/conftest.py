"""What the tests of this room share: a configuration folder of the test's own, inputs, and claims about a swap."""

import pathlib

import pytest

from faceswap_lib.provenance.provenance import ProvenanceClaims
from tests.swaps import make_facts, make_inputs


@pytest.fixture
def home(tmp_path, monkeypatch) -> pathlib.Path:
    """A configuration folder of the test's own."""
    monkeypatch.setenv("FACESWAP_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def inputs(tmp_path) -> tuple[pathlib.Path, ...]:
    return make_inputs(tmp_path)


@pytest.fixture
def facts(inputs) -> ProvenanceClaims:
    return make_facts(inputs)
