"""Hostile files of weights: HDF5 and ONNX."""

import pathlib
import typing

import numpy as np

from tests.trust.cases import REFUSED, SAME, Case

NO_WEIGHTS: dict[str, bytes] = {
    "nothing at all": b"",
    "a page of a login": b"<!DOCTYPE html><html></html>",
    "a pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
    "pickled": b"\x80\x04c__builtin__\nexit\n(tR.",
    "an archive": b"PK\x05\x06" + bytes(18),
    "zeros": bytes(5000),
    "ones": b"\xff" * 5000,
    "an array": b"\x93NUMPY\x01\x00",
}


def cases(name: str) -> list[Case]:
    """The hostile files of a reader."""
    return {"HDF5 weights": hdf5_files, "ONNX": onnx_files}[name]()


def hdf5_files() -> list[Case]:
    """See also tests/networks/test_hostile_hdf5.py."""
    import h5py

    from tests.networks import test_hostile_hdf5 as maker

    def written(change: typing.Callable) -> typing.Callable[[pathlib.Path], object]:
        def make(path: pathlib.Path) -> None:
            maker.with_secret(path.parent)
            maker.write(path, change)

        return make

    def renamed(file: h5py.File) -> None:
        file.attrs["layer_names"] = np.array([b"conv1"] * 3)

    def repeated(file: h5py.File) -> None:
        file["conv1"].attrs["weight_names"] = np.array([b"conv1/kernel:0"] * 1000)

    def endless(file: h5py.File) -> None:
        file["conv1/conv1/again"] = file["conv1"]
        file["conv1"].attrs["weight_names"] = np.array([b"conv1/" + b"again/conv1/" * 70 + b"kernel:0"])

    def scalar(file: h5py.File) -> None:
        file.create_dataset(maker.NAME, data=np.float32(1))

    def many_sides(file: h5py.File) -> None:
        file.create_dataset(maker.NAME, data=np.zeros((1,) * 32, np.float32))

    def empty(file: h5py.File) -> None:
        file.create_dataset(maker.NAME, data=h5py.Empty("f4"))

    def no_numbers(file: h5py.File) -> None:
        file.create_dataset(maker.NAME, data=np.full((3, 3), np.nan, np.float32))

    def pressed(file: h5py.File) -> None:
        file.create_dataset(
            maker.NAME, (1 << 14, 1 << 14), np.float32, chunks=(1 << 10, 1 << 10), compression="gzip", fillvalue=0
        )[:1] = 1

    def reference(file: h5py.File) -> None:
        file.create_dataset(maker.NAME, data=np.array([file.ref], h5py.ref_dtype))

    def committed(file: h5py.File) -> None:
        file[maker.NAME] = np.dtype("f4")

    made = [Case(name, written(change)) for name, (change, _) in maker.CASES.items()]
    changes: dict[str, tuple[typing.Callable, typing.Any]] = {
        "a layer three times": (renamed, lambda result: len(result[0]) == 3),
        "a weight a thousand times": (repeated, lambda result: len(result[0]) == 1000),
        "a way in circles": (endless, lambda result: len(result[0]) == 1),
        "one number": (maker.replace(scalar), lambda result: len(result[0]) == 1),
        "32 sides": (maker.replace(many_sides), lambda result: len(result[1][0][1]) == 32),
        "an empty dataset": (maker.replace(empty), REFUSED),
        "no numbers": (maker.replace(no_numbers), lambda result: len(result[0]) == 1),
        "1 GB of zeros in 10 KB": (maker.replace(pressed), REFUSED),
        "a reference": (maker.replace(reference), REFUSED),
        "a type in the place of an array": (maker.replace(committed), REFUSED),
    }
    made += [Case(name, written(change), verdict) for name, (change, verdict) in changes.items()]
    made += [Case(f"file: {name}", content) for name, content in NO_WEIGHTS.items()]
    made += [
        Case("a begin and no more", b"\x89HDF\r\n\x1a\n"),
        Case("a begin and zeros", b"\x89HDF\r\n\x1a\n" + bytes(3000)),
        Case("a folder", pathlib.Path.mkdir),
    ]

    def cut(share: float) -> typing.Callable[[pathlib.Path], object]:
        def make(path: pathlib.Path) -> None:
            data = maker.write(path).read_bytes()
            path.write_bytes(data[: round(len(data) * share)])

        return make

    made += [Case(f"cut to {share:.0%}", cut(share)) for share in (0.1, 0.5, 0.9)]
    made += [
        Case(
            "doubles",
            lambda path: maker.write(path, kernel=maker.KERNEL.astype(">f8")),
            lambda result: len(result[0]) == 1,
        ),
        Case("packed", lambda path: maker.write(path, compression="gzip", shuffle=True), SAME),
    ]
    return made


def onnx_files() -> list[Case]:
    """See also tests/export/test_hostile_onnx.py, which has networks that never end or take all memory, too."""
    from tests.export import test_hostile_onnx as maker

    helper, proto = maker.helper, maker.TensorProto

    def data(network: object) -> bytes:
        return network if isinstance(network, bytes) else network.SerializeToString()

    def node(name: str, inputs: list[str], **attributes: object):
        return helper.make_node(name, inputs, ["answer"], **attributes)

    def shaped(shape: list) -> bytes:
        network = maker.model()
        network.graph.input[0].CopyFrom(helper.make_tensor_value_info("picture", proto.FLOAT, shape))
        return data(network)

    made = [Case(name, data(network)) for name, (network, _) in maker.CASES.items()]
    made += [Case(f"file: {name}", content) for name, content in NO_WEIGHTS.items()]
    two = maker.model()
    two.graph.input.append(helper.make_tensor_value_info("more", proto.FLOAT, [1]))
    outside = maker.external("../outside/secret.txt")
    made += [
        Case("texts for an answer", data(maker.texts())),
        Case("whole numbers for an answer", data(maker.whole_numbers())),
        Case("an unknown operator", data(maker.model(node("Evil", ["picture"], domain="own.ops"), domain="own.ops"))),
        Case("an operator that clears the screen", data(maker.model(node("\x1b[2J\u202e", ["picture"])))),
        Case("a side whose name is no UTF-8", shaped(["SIDE", 3, 32, 32]).replace(b"SIDE", b"SID\xce")),
        Case("an operator of nobody", data(maker.model(node("Evil", ["picture"])))),
        Case("too few inputs of an operator", data(maker.model(node("Add", ["picture"])))),
        Case("an input that is missing", data(maker.model(node("Add", ["picture", "gone"])))),
        Case(
            "weights that do not fit",
            data(
                maker.model(node("MatMul", ["picture", "w"]), weights=[maker.tensor(np.ones((7, 7), np.float32), "w")])
            ),
        ),
        Case("a circle", data(maker.model(node("Add", ["picture", "answer"])))),
        Case("two inputs", data(two)),
        Case("an input of two sides", shaped(["N", 3])),
        Case("an input of four channels", shaped(["N", 4, 32, 32])),
        Case("an oblong input", shaped(["N", 3, 32, 64])),
        Case("an input of 10^9", shaped([1, 3, 10**9, 10**9])),
        Case("an input below 0", shaped([1, 3, -5, -5]), lambda result: True),
        Case("a million faces at once", shaped([10**6, 3, 32, 32])),
        Case("weights of the folder beside", data(outside)),
        Case(
            "no numbers for an answer",
            data(maker.model(node("Div", ["picture", "zero"]), weights=[maker.tensor(np.float32(0), "zero")])),
            lambda result: True,
        ),
        Case("a folder", pathlib.Path.mkdir),
        Case("weights beside it", data(maker.external("own.bin")), SAME),
        Case("branches of two levels", data(maker.nested(2)), lambda result: True),
    ]
    return made
