"""Crops that cannot fit into memory are refused before they are loaded; those that fit are there once."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.devices import Device
from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.training import TrainConfig, memory_budget, train, trainer
from faceswap_lib.training.memory_budget import check_memory

CPU = Device(name="cpu:0")
SIZE = 320
CROP = SIZE * SIZE * 6
"""Bytes of a crop and its masks."""


@pytest.fixture
def facesets(small_workspace) -> list[Faceset]:
    """Of 100 and of 60 crops."""
    found = [Faceset.open(small_workspace, side) for side in ("src", "dst")]
    return [
        dataclasses.replace(faceset, records=(faceset.records * 3)[:count])
        for faceset, count in zip(found, (100, 60), strict=True)
    ]


@pytest.fixture
def machine(monkeypatch):
    """A made-up machine: what it computes on, bytes of main memory that are available."""

    def machine(device: Device, available: int) -> None:
        monkeypatch.setattr(memory_budget, "list_devices", lambda: [device])
        monkeypatch.setattr(memory_budget, "available_memory", lambda: available)

    return machine


def gpu(memory: int | None) -> Device:
    return Device(name="gpu:0", description="Tesla T4", memory=memory)


@pytest.mark.parametrize(
    ("device", "available"),
    [(CPU, 160 * CROP), (gpu(160 * CROP), 100 * CROP), (gpu(None), 100 * CROP)],
    ids=["both people in main memory", "one person after the other, both on the device", "a device that does not say"],
)
def test_what_just_fits_is_taken(facesets, machine, device, available):
    machine(device, available)
    assert check_memory(facesets, SIZE) is facesets


@pytest.mark.parametrize(
    ("device", "available", "said"),
    [
        (CPU, 159 * CROP, "need 0.1 GB at 320 pixels, and 0.1 GB of main memory are available"),
        (gpu(10**12), 99 * CROP, "of main memory are available"),
        (gpu(159 * CROP), 10**12, "of memory of Tesla T4 are available"),
    ],
)
def test_one_crop_more_is_refused_and_what_to_do_is_said(facesets, machine, device, available, said):
    machine(device, available)
    with pytest.raises(InputError, match="100 crops in face_src and 60 crops in face_dst need") as refusal:
        check_memory(facesets, SIZE)
    assert said in str(refusal.value) and "extract fewer of them (--max-crops)" in str(refusal.value)


def test_a_training_that_cannot_fit_loads_nothing_and_writes_nothing(small_workspace, monkeypatch):
    monkeypatch.setattr(memory_budget, "available_memory", lambda: 1000)
    monkeypatch.setattr(Faceset, "load", lambda *arguments, **options: pytest.fail("loaded"))
    with pytest.raises(InputError, match="crops in face_src and 38 crops in face_dst need"):
        train(small_workspace, run="too-large", config=TrainConfig(steps=1))
    assert not small_workspace.run("too-large").exists()


def test_of_a_person_on_a_device_only_a_sample_stays(small_workspace, monkeypatch):
    faceset = Faceset.open(small_workspace, "src")
    monkeypatch.setattr(trainer, "COMPARED", 5)
    people, sample = trainer.load_person(faceset, NetworkConfig(capacity="tiny", resolution=64))
    whole = faceset.load(80, face_region="auto")
    assert people.count == 38 and len(sample.images) == len(sample.rarity) == 5
    chosen = np.linspace(0, 37, 5).round().astype(int)
    assert np.array_equal(sample.images, whole.images[chosen]) and np.array_equal(sample.face, whole.face[chosen])
    assert not np.shares_memory(sample.images, np.asarray(people.images))
