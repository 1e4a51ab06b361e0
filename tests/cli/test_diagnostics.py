"""What `faceswap doctor` says and measures."""

import concurrent.futures.process
import json
import os
import sys

import pytest

from faceswap_lib.cli import main
from faceswap_lib.devices import Device
from faceswap_lib.diagnostics import benchmark, inventory
from faceswap_lib.diagnostics.benchmark import describe_devices, run_benchmark, time_passes
from faceswap_lib.diagnostics.step_timing import StepTiming, run_apart, time_steps


def read_variable(name: str) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get(name)


def fail(error: type[Exception], text: str) -> None:
    raise error(text)


def die() -> None:
    os._exit(9)


# A process of its own ----------------------------------------------------------------------------------------------


def test_a_function_runs_in_a_process_and_an_environment_of_its_own():
    pid, value = run_apart(read_variable, "FACESWAP_TEST", environment={"FACESWAP_TEST": "there"})
    assert pid != os.getpid() and value == "there" and "FACESWAP_TEST" not in os.environ
    with pytest.raises(ValueError, match="this is why"):
        run_apart(fail, ValueError, "this is why")
    with pytest.raises(concurrent.futures.process.BrokenProcessPool):
        run_apart(die)


def test_steps_are_timed_apart():
    timing = run_apart(time_steps, "tiny", steps=2, batch_size=1, crops=2, whole_only=True, precision="float32")
    assert (timing.preset, timing.precision, timing.batch_size) == ("tiny", "float32", 1)
    assert list(timing.milliseconds) == list(timing.compile_seconds) == ["adversarial + perceptual"]
    assert timing.milliseconds["adversarial + perceptual"] > 1 and timing.build_seconds > 0
    assert timing.peak_memory > 100e6


# What is there -----------------------------------------------------------------------------------------------------


def test_what_is_installed_twice_is_found(tmp_path, monkeypatch):
    for folder, name, version in (
        ("one", "Some_Package", "2.0"),
        ("two", "some-package", "1.0"),
        ("two", "other", "3"),
    ):
        info = tmp_path / folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "one"), str(tmp_path / "two")])
    assert inventory.find_duplicates() == {"some-package": ["2.0", "1.0"]}


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_only_the_backend_that_keras_runs_on_is_needed(backend, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(inventory, "_version", lambda name: None if name in inventory.BACKENDS else "1")
    needed = {finding.name for finding in inventory.examine() if finding.needed and not finding.present}
    assert needed == {backend}


def test_weights_that_the_detector_would_refuse_are_no_weights(monkeypatch):
    from faceswap_lib.faces import mtcnn_weights

    monkeypatch.setitem(mtcnn_weights.DIGESTS, "rnet", "0" * 64)
    (found,) = [finding for finding in inventory.examine() if finding.name == "MTCNN weights"]
    assert found.needed and not found.present and "expected SHA-256 000" in found.value


def test_a_damaged_weight_file_is_named(monkeypatch):
    from faceswap_lib.faces import mesh_weights

    if mesh_weights.missing_reason():
        pytest.skip("no mesh networks")
    (found,) = [finding for finding in inventory.examine() if finding.name == "weight files"]
    assert found.present and not found.needed and "none of them damaged" in found.value
    monkeypatch.setitem(mesh_weights.DIGESTS, "iris_landmark", "0" * 64)
    (found,) = [finding for finding in inventory.examine() if finding.name == "weight files"]
    assert not found.present and "iris_landmark.tflite: expected SHA-256 000" in found.value


@pytest.mark.parametrize(("capability", "warned"), [((8, 9), False), ((12, 0), True), (None, False)])
def test_a_gpu_that_tensorflow_is_not_made_for_is_named(capability, warned, monkeypatch):
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    gpu = Device(name="gpu:0", compute_capability=capability)
    monkeypatch.setattr("faceswap_lib.devices.list_devices", lambda: [gpu])
    found = {finding.name: finding.value for finding in inventory.examine()}
    assert ("TensorFlow's GPU" in found) is warned
    assert not warned or "set KERAS_BACKEND=jax or torch" in found["TensorFlow's GPU"]


@pytest.mark.parametrize(
    ("backend", "device", "ways"),
    [
        ("tensorflow", Device(name="cpu:0"), [("off", "float32"), ("on", "float32")]),
        ("tensorflow", Device(name="gpu:0", compute_capability=(7, 5)), [("off", "float32"), ("on", "float32")]),
        (
            "tensorflow",
            Device(name="gpu:0", compute_capability=(8, 9)),
            [("off", "float32"), ("off", "bfloat16"), ("on", "float32"), ("on", "bfloat16")],
        ),
        ("jax", Device(name="gpu:0", compute_capability=(9, 0)), [("on", "float32"), ("on", "bfloat16")]),
        ("torch", Device(name="gpu:0", compute_capability=(7, 5)), [("off", "float32")]),
    ],
)
def test_what_is_measured_depends_on_the_device(backend, device, ways, monkeypatch):
    import keras

    from faceswap_lib.networks import precision

    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr("faceswap_lib.devices.list_devices", lambda: [device])
    monkeypatch.setattr(precision, "_cpu_flags", frozenset)
    assert describe_devices()["ways"] == ways


# The report --------------------------------------------------------------------------------------------------------


@pytest.fixture
def measured(monkeypatch):
    """Measurements that are made up, all but those that are to fail."""
    failing = {}

    def apart(function, *arguments, environment=None, **options):
        if function.__name__ in failing:
            raise failing[function.__name__]
        if function is benchmark.describe_devices:
            device = {"name": "gpu:0", "description": "Tesla T4", "compute_capability": (7, 5), "memory": 15 * 10**9}
            return {"backend": "jax", "devices": [device], "is_cpu": False, "ways": [("on", "float32")]}
        if function is benchmark.time_passes:
            speeds = {"extraction_fps": 20.5, "conversion_fps": 31.0}
            return speeds | {"checkpoint_mb": 268.7, "checkpoint_seconds": 1.25}
        name = "adversarial + perceptual"
        return StepTiming(
            preset=arguments[0],
            precision=options["precision"],
            xla=options["xla"] == "on",
            batch_size=8,
            build_seconds=1.0,
            compile_seconds={name: 60.0},
            milliseconds={name: 123.4},
            peak_device_memory=2_000_000_000,
            peak_memory=3_000_000_000,
        )

    monkeypatch.setattr(benchmark, "run_apart", apart)
    return failing


def test_the_table_has_every_number(measured, capsys):
    assert main(["doctor", "--benchmark"]) == 0
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert ["lite,", "8", "faces", "each", "on", "float32", "60.0", "123.4", "3000", "2000"] in rows
    assert "gpu:0 (Tesla T4, capability 7.5, memory 15 GB)" in out
    for line in ("extraction: 20.5 frames/s", "conversion: 31 frames/s", "checkpoint: 1.25 s to write 269 MB"):
        assert line.split() in rows
    assert {"system:", "python:", "processors:", "driver:", "tensorflow:", "jax:", "torch:"} <= {
        row[0] for row in rows if row
    }
    assert "not measured" not in out


def test_the_numbers_come_as_json(measured, capsys):
    assert main(["doctor", "--benchmark", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["steps"][0]["milliseconds"] == {"adversarial + perceptual": 123.4} and found["failed"] == {}
    assert found["machine"]["backend"] == "jax" and found["machine"]["gpu_memory_growth"] == "true"
    assert found["conversion_fps"] == 31.0 and found["seconds"] >= 0


def test_what_cannot_be_measured_is_named_and_the_rest_is_there(measured, capsys):
    measured["time_steps"] = RuntimeError("out of memory\nand more")
    assert main(["doctor", "--benchmark"]) == 1
    said = capsys.readouterr()
    assert "steps, xla on, float32: RuntimeError: out of memory" in said.out and "and more" not in said.out
    assert "20.5 frames/s" in said.out and "not measured: steps, xla on, float32" in said.err


def test_a_workspace_that_is_not_there_is_refused(measured, tmp_path, capsys):
    assert main(["doctor", "--benchmark", "--workspace", str(tmp_path / "none")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_the_checkpoint_is_written_to_the_workspace_and_removed(measured, tmp_path, monkeypatch):
    seen, made_up = [], benchmark.run_apart

    def apart(function, *arguments, **options):
        if function is time_passes:
            seen.append(arguments[0])
            (arguments[0] / "checkpoint").write_text("large", encoding="utf-8")
        return made_up(function, *arguments, **options)

    monkeypatch.setattr(benchmark, "run_apart", apart)
    run_benchmark(tmp_path)
    assert seen[0].parent == tmp_path and not list(tmp_path.iterdir())


@pytest.mark.nightly
def test_a_real_benchmark_has_every_number(capsys):
    assert main(["doctor", "--benchmark", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["failed"] == {} and found["seconds"] < 600
    assert all(found[name] > 0 for name in ("extraction_fps", "conversion_fps", "checkpoint_mb", "checkpoint_seconds"))
    assert {timing["xla"] for timing in found["steps"]} == {False, True}
