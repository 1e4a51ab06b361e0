"""VGGFace: what the networks compute, and files as they were published, whole and damaged."""

import pathlib
import shutil
import socket
import urllib.request

import h5py
import keras
import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.faces.weight_sums import note_path
from faceswap_lib.networks.pretrained import downloads, vggface_release
from faceswap_lib.networks.pretrained.vggface import (
    FEATURE_LAYERS,
    build_feature_extractor,
    build_vggface,
    open_vggface,
    preprocess,
)
from faceswap_lib.networks.pretrained.vggface_files import find_weights
from faceswap_lib.networks.pretrained.vggface_release import FILES, RELEASE, keras_homes
from faceswap_lib.networks.pretrained.weight_files import load_weights, read_weights
from tests.weight_files import randomize, resnet50_layers, vgg16_layers, write_weights

LAYERS = {"resnet50": resnet50_layers(), "vgg16": vgg16_layers()}
SMALL = 64


@pytest.fixture(scope="module")
def networks() -> dict[str, keras.Model]:
    """Both networks with random weights; not to be changed."""
    return {name: randomize(build_vggface(name, SMALL)) for name in LAYERS}


@pytest.fixture(scope="module")
def weight_files(networks, tmp_path_factory) -> dict[str, pathlib.Path]:
    """Their weights in files like the published ones; not to be changed."""
    folder = tmp_path_factory.mktemp("weights")
    return {name: write_weights(folder / FILES[name], networks[name], LAYERS[name]) for name in LAYERS}


@pytest.fixture
def homes(tmp_path, monkeypatch) -> tuple[pathlib.Path, pathlib.Path]:
    """The two folders in which VGGFace's weights are looked for, empty ones."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "user"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "user" / ".keras" / "models" / "vggface", tmp_path / "keras" / "models" / "vggface"


@pytest.fixture
def dead_network(monkeypatch) -> None:
    """A network on which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)  # made anew, it reads the variable


@pytest.fixture(scope="module")
def toy() -> keras.Model:
    """A network of two layers with weights, called as in the published files."""
    picture = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, use_bias=False, name="conv1_7x7_s2")(picture)
    return randomize(keras.Model(picture, keras.layers.BatchNormalization(name="conv1_7x7_s2_bn")(x), name="toy"))


@pytest.fixture
def toy_file(toy, tmp_path) -> pathlib.Path:
    return write_weights(tmp_path / "toy.h5", toy, ["input_1", "conv1/7x7_s2", "conv1/7x7_s2/bn", "activation_1"])


def pictures(side: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, side, side, 3), np.uint8)


def files_below(folder: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def as_file(path: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    target.parent.mkdir(parents=True)
    return shutil.copy(path, target)


def test_the_networks_have_the_published_numbers_of_weights(networks):
    assert networks["resnet50"].count_params() == 23_561_152
    assert networks["vgg16"].count_params() == 14_714_688
    assert networks["resnet50"].output_shape == (None, 2048) and networks["vgg16"].output_shape == (None, 512)


def test_published_layers_are_the_networks_layers(networks):
    """Names and order of everything with weights, as the tables of the tests spell them."""
    for name, network in networks.items():
        ours = {layer.name for layer in network.layers if layer.weights}
        assert ours == {n.replace("/", "_") for n in LAYERS[name] if n.startswith("conv")}
    assert len(resnet50_layers()) == 174 and len(set(resnet50_layers())) == 174


@pytest.mark.parametrize("architecture", LAYERS)
def test_published_files_are_read_as_they_are(networks, weight_files, architecture):
    fresh = build_vggface(architecture, SMALL)
    x = preprocess(pictures(SMALL), 1)
    wanted = keras.ops.convert_to_numpy(networks[architecture](x))
    assert not np.allclose(keras.ops.convert_to_numpy(fresh(x)), wanted, rtol=0.1)
    load_weights(fresh, weight_files[architecture])
    assert np.array_equal(keras.ops.convert_to_numpy(fresh(x)), wanted)
    assert wanted.min() >= 0 and wanted.std() > 0.01


def convolve(x: np.ndarray, kernel: np.ndarray, stride: int = 1) -> np.ndarray:
    """A convolution of (H, W, C) whose output has ceil(H / stride) rows, by its definition."""
    size, rows = kernel.shape[0], -(-len(x) // stride)
    padding = max((rows - 1) * stride + size - len(x), 0)
    x = np.pad(x, [(padding // 2, padding - padding // 2)] * 2 + [(0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(0, 1))[::stride, ::stride]
    return np.einsum("ijcuv,uvcd->ijd", windows, kernel, optimize=True)


def test_the_bottlenecks_by_hand(networks):
    """From the picture to the first bottleneck of the third stage, in plain numpy."""
    network = networks["resnet50"]

    def block(x, name, stride=1):
        gamma, beta, mean, variance = (w.astype(np.float64) for w in network.get_layer(f"{name}_bn").get_weights())
        x = convolve(x, network.get_layer(name).get_weights()[0].astype(np.float64), stride)
        return gamma * (x - mean) / np.sqrt(variance + 0.001) + beta

    def relu(x):
        return np.maximum(x, 0)

    def bottleneck(x, name, stride=None):
        y = relu(block(x, f"{name}_1x1_reduce", stride or 1))
        y = block(relu(block(y, f"{name}_3x3")), f"{name}_1x1_increase")
        return relu(y + (x if stride is None else block(x, f"{name}_1x1_proj", stride)))

    x = keras.ops.convert_to_numpy(preprocess(pictures(SMALL, 1), 2))
    y = relu(block(x[0].astype(np.float64), "conv1_7x7_s2", 2))
    y = np.lib.stride_tricks.sliding_window_view(y, (3, 3), axis=(0, 1))[::2, ::2].max(axis=(-1, -2))
    for name, stride in (("conv2_1", 1), ("conv2_2", None), ("conv2_3", None), ("conv3_1", 2)):
        y = bottleneck(y, name, stride)
    seen = build_feature_extractor(network, ["conv3_1_relu"])(x)
    assert y.shape == (8, 8, 512)
    assert keras.ops.convert_to_numpy(seen[0]) == pytest.approx(y, rel=1e-3, abs=1e-2)


def test_vgg16_by_hand(networks):
    network = networks["vgg16"]
    x = keras.ops.convert_to_numpy(preprocess(pictures(SMALL, 1), 1))
    y = x[0].astype(np.float64)
    for name in ("conv1_1", "conv1_2", "pool", "conv2_1"):
        if name == "pool":
            y = y.reshape(32, 2, 32, 2, -1).max(axis=(1, 3))
        else:
            kernel, bias = network.get_layer(name).get_weights()
            y = np.maximum(convolve(y, kernel.astype(np.float64)) + bias, 0)
    seen = build_feature_extractor(network, ["conv2_1"])(x)
    assert keras.ops.convert_to_numpy(seen[0]) == pytest.approx(y, rel=1e-3, abs=1e-2)


def test_pictures_are_prepared_as_for_the_training():
    picture = np.array([[[10, 20, 30]], [[255, 0, 128]]], np.uint8)
    for version, (blue, green, red) in {1: (93.5940, 104.7624, 129.1863), 2: (91.4953, 103.8827, 131.0912)}.items():
        wanted = [[[30 - blue, 20 - green, 10 - red]], [[128 - blue, -green, 255 - red]]]
        for given in (picture, picture.astype(np.float32), keras.ops.convert_to_tensor(picture)):
            prepared = keras.ops.convert_to_numpy(preprocess(given, version))
            assert prepared.dtype == np.float32 and prepared == pytest.approx(np.array(wanted), abs=1e-4)
    with pytest.raises(ValueError, match="version: expected 1 or 2, got 3"):
        preprocess(picture, 3)


@pytest.mark.parametrize("architecture", LAYERS)
def test_features_can_be_tapped_by_name(networks, architecture):
    taps = build_feature_extractor(networks[architecture], FEATURE_LAYERS[architecture])
    features = [tuple(x.shape) for x in taps(preprocess(pictures(SMALL), 1))]
    sides, channels = {
        "resnet50": ([32, 15, 8, 4, 2], [64, 256, 512, 1024, 2048]),
        "vgg16": ([64, 32, 16, 8, 4], [64, 128, 256, 512, 512]),
    }[architecture]
    assert features == [(2, side, side, count) for side, count in zip(sides, channels, strict=True)]


def test_an_unknown_layer_or_network_is_named(networks):
    with pytest.raises(InputError, match="vggface_vgg16 has no layer 'conv3_4'; did you mean 'conv3_"):
        build_feature_extractor(networks["vgg16"], ["conv3_4"])
    with pytest.raises(InputError, match="architecture: expected resnet50 or vgg16, got 'senet50'"):
        build_vggface("senet50")
    with pytest.raises(InputError, match="input_size: expected at least 32 pixels, got 31"):
        build_vggface("vgg16", 31)


def test_a_file_of_another_network_is_refused(networks, weight_files):
    with pytest.raises(CheckpointError, match=r"expected the weights of vggface_vgg16; the layers conv1_1, "):
        load_weights(networks["vgg16"], weight_files["resnet50"])


def rewrite(path: pathlib.Path, name: str, array: np.ndarray) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = array


KERNEL = "conv1/7x7_s2/conv1/7x7_s2/kernel:0"


def test_what_does_not_fit_is_named_and_changes_nothing(toy, toy_file, tmp_path):
    before = [weight.copy() for weight in toy.get_weights()]
    load_weights(toy, toy_file)

    def check(message, change):
        path = shutil.copy(toy_file, tmp_path / "changed.h5")
        with h5py.File(path, "r+") as file:
            change(file)
        with pytest.raises(CheckpointError, match=message):
            load_weights(toy, path)
        for weight, kept in zip(toy.get_weights(), before, strict=True):
            assert np.array_equal(weight, kept)

    def set_kernel(array):
        def change(file):
            del file[KERNEL]
            file[KERNEL] = array

        return change

    def set_names(names, group="/", attribute="layer_names"):
        def change(file):
            file[group].attrs[attribute] = np.array(names, "S")

        return change

    def add_layer(file):
        group = file.create_group("classifier")
        group["classifier/bias:0"] = np.zeros(3, np.float32)
        group.attrs["weight_names"] = [b"classifier/bias:0"]
        set_names(["conv1/7x7_s2", "conv1/7x7_s2/bn", "classifier"])(file)

    def drop_kernel(file):
        del file[KERNEL]

    check(
        r"layer conv1_7x7_s2: kernel: expected shape \(3, 3, 3, 4\), got \(5, 5, 3, 4\)",
        set_kernel(np.zeros((5, 5, 3, 4), np.float32)),
    )
    check("kernel: expected finite numbers", set_kernel(np.full((3, 3, 3, 4), np.nan, np.float32)))
    check("the layers conv1_7x7_s2_bn are missing", set_names(["conv1/7x7_s2"]))
    check("expected only the weights of toy, also got classifier", add_layer)
    check("changed.h5: cut short or damaged .*kernel", drop_kernel)
    check("changed.h5: cut short or damaged .*no_such_layer", set_names(["conv1/7x7_s2", "no_such_layer"]))
    check("expected the weights of a Keras network, got an HDF5 file without layers", set_names(["input_1"]))
    check("no attribute layer_names", lambda file: file.attrs.pop("layer_names"))
    batch_norm = "conv1/7x7_s2/bn"
    check(
        "layer conv1_7x7_s2_bn: expected gamma, beta, moving_mean, moving_variance, got .*gamma:0",
        set_names([f"{batch_norm}/gamma:0"], batch_norm, "weight_names"),
    )
    swapped = [f"{batch_norm}/{role}:0" for role in ("beta", "gamma", "moving_mean", "moving_variance")]
    check("expected gamma, got beta", set_names(swapped, batch_norm, "weight_names"))


def test_damaged_files_are_refused(toy, toy_file, tmp_path):
    data = toy_file.read_bytes()
    for share in (0.3, 0.7, 0.99):
        (tmp_path / "cut.h5").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(CheckpointError, match=r"cut\.h5: cut short or damaged .*remove it and download it again"):
            load_weights(toy, tmp_path / "cut.h5")
    for other in (b"<!DOCTYPE html>", b"", b"version https://git-lfs.github.com/spec/v1\n"):
        (tmp_path / "page.h5").write_bytes(other)
        with pytest.raises(CheckpointError, match=r"page\.h5: expected network weights in HDF5, got another kind"):
            load_weights(toy, tmp_path / "page.h5")
    with pytest.raises(InputError, match="nowhere.h5: expected a file of network weights, got none there"):
        load_weights(toy, tmp_path / "nowhere.h5")


def test_whole_models_split_lists_and_keras_1_names_are_read_too(toy, toy_file, tmp_path):
    """Three things that files of the time may have: weights below a model, lists in parts, other names of weights."""
    with h5py.File(toy_file) as file, h5py.File(tmp_path / "model.h5", "w") as model:
        file.copy("/", model, "model_weights")
        names = model["model_weights"].attrs.pop("layer_names")
        model["model_weights"].attrs["layer_names0"], model["model_weights"].attrs["layer_names1"] = (
            names[:2],
            names[2:],
        )
    assert list(read_weights(tmp_path / "model.h5")) == ["conv1_7x7_s2", "conv1_7x7_s2_bn"]
    load_weights(toy, tmp_path / "model.h5")
    names = ["conv1/7x7_s2", "conv1/7x7_s2/bn"]
    keras_1 = write_weights(tmp_path / "keras1.h5", toy, names, rename=lambda layer, weight: f"{weight}_of_it_W_1:0")
    load_weights(toy, keras_1)


def test_weights_are_looked_for_in_the_usual_places(homes, weight_files, tmp_path):
    assert find_weights("vgg16") is None
    with pytest.raises(InputError) as caught:
        open_vggface("vgg16")
    assert all(str(home) in str(caught.value) for home in homes)
    assert f"download {RELEASE}/rcmalli_vggface_tf_notop_vgg16.h5 and put it there" in str(caught.value)
    assert files_below(tmp_path) == []
    usual, keras_home = (home / FILES["vgg16"] for home in homes)
    as_file(weight_files["vgg16"], keras_home)
    assert find_weights("vgg16") == keras_home and find_weights("resnet50") is None
    as_file(weight_files["vgg16"], usual)
    assert find_weights("vgg16") == usual
    assert find_weights("vgg16", weight_files["vgg16"]) == weight_files["vgg16"]
    assert open_vggface("vgg16", input_size=SMALL).output_shape == (None, 512)
    with pytest.raises(InputError, match=r"nowhere: expected rcmalli_vggface_tf_notop_vgg16\.h5, got no file there"):
        find_weights("vgg16", tmp_path / "nowhere")


def test_kerass_own_folder_is_the_one_meant(monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    assert keras_homes() == [pathlib.Path.home() / ".keras"]


def test_weights_are_fetched_when_asked_for(homes, weight_files, monkeypatch, tmp_path):
    monkeypatch.setattr(downloads, "SCHEMES", ("file",))
    monkeypatch.setattr(vggface_release, "RELEASE", weight_files["vgg16"].parent.as_uri())
    assert find_weights("vgg16", fetch=True) == homes[1] / FILES["vgg16"]
    assert sorted(files_below(tmp_path)) == [homes[1] / FILES["vgg16"], note_path(homes[1] / FILES["vgg16"])]
    assert (homes[1] / FILES["vgg16"]).read_bytes() == weight_files["vgg16"].read_bytes()


def test_what_arrives_damaged_does_not_stay(homes, toy_file, monkeypatch, tmp_path):
    source = tmp_path / "release"
    source.mkdir()
    (source / FILES["resnet50"]).write_bytes(toy_file.read_bytes()[:3000])
    toy_file.unlink()
    monkeypatch.setattr(downloads, "SCHEMES", ("file",))
    monkeypatch.setattr(vggface_release, "RELEASE", source.as_uri())
    with pytest.raises(InputError, match=r"resnet50\.h5 is not what was expected \(.*cut short or damaged"):
        find_weights("resnet50", fetch=True)
    assert files_below(tmp_path) == [source / FILES["resnet50"]]


def test_without_a_network_the_message_says_what_to_do(homes, dead_network, tmp_path):
    with pytest.raises(InputError) as caught:
        find_weights("resnet50", fetch=True)
    message = str(caught.value)
    assert message.startswith(f"{FILES['resnet50']} cannot be downloaded (")
    assert f"download {RELEASE}/{FILES['resnet50']} elsewhere and pass it" in message
    assert message.endswith("faceswap weights fetch vggface-resnet50 --from FILE")
    assert caught.value.exit_code == 2 and files_below(tmp_path) == []


def test_a_weight_file_that_was_exchanged_is_refused_where_it_is_looked_for(homes, weight_files, tmp_path):
    """After its first use its SHA-256 is known; one that the user names is read as it is."""
    place = as_file(weight_files["vgg16"], homes[1] / FILES["vgg16"])
    assert find_weights("vgg16") == place and not note_path(place).exists()
    open_vggface("vgg16", input_size=SMALL)
    assert note_path(place).is_file()
    place.write_bytes(weight_files["resnet50"].read_bytes())
    with pytest.raises(CheckpointError, match=r"vgg16\.h5: expected SHA-256 .*remove the file and fetch it again"):
        open_vggface("vgg16")
    assert find_weights("vgg16", place) == place


def test_the_sum_of_a_damaged_file_is_not_noted(homes, weight_files, toy_file):
    """Otherwise the right file would be refused where it takes the place of the damaged one."""
    place = as_file(toy_file, homes[1] / FILES["vgg16"])
    for damaged in (b"", place.read_bytes()[:3000], toy_file.read_bytes()):
        place.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"vgg16\.h5: "):
            open_vggface("vgg16", input_size=SMALL)
        assert not note_path(place).exists()
    shutil.copy(weight_files["vgg16"], place)
    open_vggface("vgg16", input_size=SMALL)
    open_vggface("vgg16", weight_files["vgg16"], input_size=SMALL)
    assert note_path(place).is_file() and not note_path(weight_files["vgg16"]).exists()
