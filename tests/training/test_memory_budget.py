"""Crops that do not fit into memory are read from a file; those that fit are in memory once."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.devices import Device
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.training import memory_budget, trainer
from faceswap_lib.training.memory_budget import choose_streamed

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
    ("device", "available", "streamed"),
    [
        (CPU, 2 * 160 * CROP, (False, False)),
        (CPU, 2 * 159 * CROP, (True, False)),
        (CPU, 2 * 60 * CROP, (True, False)),
        (CPU, 2 * 59 * CROP, (True, True)),
        (gpu(2 * 160 * CROP), 2 * 100 * CROP, (False, False)),
        (gpu(2 * 159 * CROP), 10**12, (True, False)),
        (gpu(10**12), 2 * 99 * CROP, (True, False)),
        (gpu(None), 2 * 100 * CROP, (False, False)),
        (gpu(None), 2 * 59 * CROP, (True, True)),
    ],
)
def test_crops_take_half_of_the_memory_and_the_largest_faceset_goes_to_a_file_first(
    facesets, machine, device, available, streamed
):
    machine(device, available)
    assert choose_streamed(facesets, SIZE) == streamed


@pytest.mark.parametrize("device", [CPU, gpu(10**12)])
def test_a_limit_of_ones_own_replaces_half_of_the_memory(facesets, machine, device):
    machine(device, 10**12)
    assert choose_streamed(facesets, SIZE, 160 * CROP) == (False, False)
    assert choose_streamed(facesets, SIZE, 160 * CROP - 1) == (True, False)


def test_on_a_cpu_crops_take_a_limited_part_of_a_large_memory(facesets, machine, monkeypatch):
    machine(CPU, 10**12)
    monkeypatch.setattr(memory_budget, "MOST_ON_CPU", 160 * CROP - 1)
    assert choose_streamed(facesets, SIZE) == (True, False)
    machine(gpu(10**12), 10**12)
    assert choose_streamed(facesets, SIZE) == (False, False)


def test_occlusion_masks_count(facesets, machine, monkeypatch):
    machine(CPU, 2 * 160 * CROP)
    monkeypatch.setattr(Faceset, "has_occlusion_masks", property(lambda self: self.folder.name == "face_dst"))
    assert choose_streamed(facesets, SIZE) == (True, False)


def test_equal_facesets_are_told_apart(facesets, machine):
    machine(CPU, 2 * 100 * CROP)
    assert choose_streamed([facesets[0], facesets[0]], SIZE) == (True, False)


def test_of_a_person_on_a_device_only_a_sample_stays(small_workspace, monkeypatch):
    faceset = Faceset.open(small_workspace, "src")
    monkeypatch.setattr(trainer, "COMPARED", 5)
    people, sample = trainer.load_person(faceset, NetworkConfig(capacity="tiny", resolution=64))
    whole = faceset.load(80, face_region="auto")
    assert people.count == 38 and len(sample.images) == len(sample.rarity) == 5
    chosen = np.linspace(0, 37, 5).round().astype(int)
    assert np.array_equal(sample.images, whole.images[chosen]) and np.array_equal(sample.face, whole.face[chosen])
    assert not np.shares_memory(sample.images, np.asarray(people.images))
