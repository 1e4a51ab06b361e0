"""Random damage to valid files: of their bytes, and of what they are made of."""

import io
import json
import random
import struct
import typing
import zipfile
import zlib

NUMBERS = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 62,
    (1 << 64) - 1,
)

VALUES: tuple[object, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, 10**400, 1e308, -1e308, 1e-320, 0.5, -0.0),
    *(float("nan"), float("inf"), "", " ", "0", "NaN", "a" * 3000, "\x00", "\x1b[2J", "\u202e", "\ud800", "../../x"),
    *("/etc/passwd", "C:\\x", "con", [], {}, [[]], [None], {"": {}}, [1, 2, 3], ["a", "b"], {"a": 1}, [[1.0] * 2] * 5),
    *([0.0] * 4, [[[[[]]]]], list(range(200)), {"schema": 1}, {"sha256": "0" * 64}),
)
"""What stands in the place of a value of JSON."""

TEXTS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\u0000",
    b"\\ud800",
    b"9" * 400,
    b"1e999",
    b"-",
    b"\n",
    b"\r",
    b"\xe2\x80\xa8",
    b"null",
)


def mutate(content: bytes, others: typing.Sequence[bytes], form: str, dice: random.Random) -> bytes:
    """Damages a file.

    Args:
        content: The file.
        others: Valid files of the same kind, for splices.
        form: See `Reader.form`.
        dice: Chooses.
    """
    structured = {"json": _mutate_json, "lines": _mutate_line, "zip": _mutate_zip, "png": _mutate_png}.get(form)
    if structured is not None and dice.random() < 0.6:
        return structured(content, others, dice)
    return mutate_bytes(content, others, dice)


def mutate_bytes(content: bytes, others: typing.Sequence[bytes], dice: random.Random) -> bytes:
    """Flips bits, cuts, moves blocks, splices with another file, sets interesting numbers."""
    data = bytearray(content or b"\0")
    for _ in range(dice.choice((1, 1, 1, 2, 4, 16))):
        kind, at = dice.randrange(9), dice.randrange(len(data))
        if kind == 0:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data[at] = dice.randrange(256)
        elif kind == 2 and len(data) > 8:
            del data[at if dice.random() < 0.5 else max(0, len(data) - dice.randrange(64)) :]
        elif kind == 3:
            length, to = dice.randrange(1, 1 + len(data) // 4 + 1), dice.randrange(len(data))
            block = data[at : at + length]
            data[at : at + length], data[to : to + length] = data[to : to + length], block
        elif kind == 4:
            other = dice.choice(others) if others else content
            data[at:] = other[dice.randrange(len(other) + 1) :]
        elif kind == 5:
            size = dice.choice("BHIQ")
            number = dice.choice(NUMBERS) & ((1 << 8 * struct.calcsize(size)) - 1)
            packed = struct.pack(dice.choice("<>") + size, number)
            data[at : at + len(packed)] = packed
        elif kind == 6:
            del data[at : at + dice.randrange(1, 64)]
        elif kind == 7:
            data[at:at] = dice.choice(TEXTS)
        else:
            data[at:at] = data[at : at + dice.randrange(1, 200)] * dice.choice((1, 2, 20))
        data = data or bytearray(1)
    return bytes(data)


def change_value(value: object, dice: random.Random) -> object:
    """Changes JSON somewhere: another value or kind, a key that is lost, renamed or new, deeper, longer."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(list(value))
        kind = dice.randrange(12)
        if kind == 0:
            return {name: entry for name, entry in value.items() if name != key}
        if kind == 1:
            return {
                (dice.choice(("", "x", key + "_", key.upper())) if name == key else name): v
                for name, v in value.items()
            }
        if kind == 2:
            return value | {dice.choice(("", "new", "schema", "__class__")): dice.choice(VALUES)}
        if kind == 3:
            return value | {key: value[dice.choice(list(value))]}
        return value | {key: change_value(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.85:
        at, kind = dice.randrange(len(value)), dice.randrange(8)
        if kind == 0:
            return value[:at] + value[at + 1 :]
        if kind == 1:
            return value + [value[at]] * dice.choice((1, 1, 300))
        return [*value[:at], change_value(value[at], dice), *value[at + 1 :]]
    if isinstance(value, int | float) and abs(value) < 1e300 and dice.random() < 0.3:
        return dice.choice((-value, value + 1, value * 1e6, float(value), str(value)))
    return [value] if dice.random() < 0.1 else dice.choice(VALUES)


def _mutate_json(content: bytes, others: typing.Sequence[bytes], dice: random.Random) -> bytes:
    value = json.loads(content)
    for _ in range(dice.choice((1, 1, 2, 3))):
        value = change_value(value, dice)
    return json.dumps(value).encode()


def _mutate_line(content: bytes, others: typing.Sequence[bytes], dice: random.Random) -> bytes:
    lines = content.split(b"\n")
    full = [index for index, line in enumerate(lines) if line]
    if not full:
        return mutate_bytes(content, others, dice)
    at, kind = dice.choice(full), dice.randrange(8)
    if kind == 0:
        lines.insert(at, lines[dice.choice(full)])
    elif kind == 1:
        del lines[at]
    elif kind == 2:
        lines[at] += lines[dice.choice(full)]
    else:
        lines[at] = _mutate_json(lines[at], others, dice)
    return b"\n".join(lines)


def _mutate_zip(content: bytes, others: typing.Sequence[bytes], dice: random.Random) -> bytes:
    """Damages what lies in an archive and packs it again, so that its sums hold."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        entries = [(info.filename, opened.read(info)) for info in opened.infolist()]
    for _ in range(dice.choice((1, 1, 2))):
        at, kind = dice.randrange(len(entries)), dice.randrange(8)
        name, data = entries[at]
        if kind == 0 and len(entries) > 1:
            del entries[at]
        elif kind == 1:
            entries.append((name, dice.choice(entries)[1]))
        elif kind == 2:
            entries[at] = (dice.choice(("", "x", "../" + name, "/" + name, name.upper(), name + "/", "é" + name)), data)
        elif kind == 3:
            entries[at] = (name, dice.choice(entries)[1])
        elif kind == 4 and data[:6] == b"\x93NUMPY":
            entries[at] = (name, _change_array(data, dice))
        else:
            entries[at] = (name, mutate_bytes(data, [other for _, other in entries], dice))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as opened:
        for name, data in entries:
            info = zipfile.ZipInfo("x")
            info.filename, info.compress_type = name, opened.compression
            info.external_attr = dice.choice((0, 0o600, 0o100644, 0o120777, 0o40755)) << 16
            opened.NameToInfo.pop(name, None)  # a name may come twice without a warning
            opened.writestr(info, data)
    return packed.getvalue()


def _change_array(data: bytes, dice: random.Random) -> bytes:
    """Changes the header of an array: its type, its order or its shape."""
    length = struct.unpack_from("<H", data, 8)[0]
    header = data[10 : 10 + length].decode("latin-1").rstrip()
    shape = header[header.find("(") : header.find(")") + 1]
    kind = header[header.find("'descr': ") + 9 :].split(",")[0]
    new = dice.choice(
        (
            header.replace(
                shape,
                dice.choice(("()", "(0,)", "(-1,)", "(1, 1)", "(10**12,)", "(1000000000000,)", "(2, 2, 2)", "None")),
            ),
            header.replace(
                kind,
                dice.choice(
                    (
                        "'|O'",
                        "'<f4'",
                        "'>i8'",
                        "'|b1'",
                        "'<U3'",
                        "'|V8'",
                        "'<M8[s]'",
                        "'<c16'",
                        "'|S0'",
                        "[('a', '<f4')]",
                        "[('a', '|O')]",
                    )
                ),
            ),
            header.replace("False", "True"),
            header.replace("'", '"'),
            "{}",
            "[" * 900,
        )
    )
    text = new.encode("latin-1", "replace").ljust(length - 1)[:0xFFF0] + b"\n"
    values = data[10 + length :]
    if dice.random() < 0.3:
        values = b"\xff" * len(values) if dice.random() < 0.5 else bytes(len(values))
    return data[:8] + struct.pack("<H", len(text)) + text + values


def _mutate_png(content: bytes, others: typing.Sequence[bytes], dice: random.Random) -> bytes:
    """Damages the chunks of a PNG, whose sums then hold."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        length = struct.unpack_from(">I", content, at)[0]
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if len(chunks) < 3:
        return mutate_bytes(content, others, dice)
    at, kind = dice.randrange(len(chunks)), dice.randrange(6)
    name, data = chunks[at]
    if kind == 0:
        del chunks[at]
    elif kind == 1:
        chunks.insert(dice.randrange(len(chunks)), chunks[at])
    elif kind == 2:
        chunks[at] = (dice.choice((b"IDAT", b"iCCP", b"eXIf", b"tRNS", b"PLTE", b"acTL", b"zTXt", b"IHDR")), data)
    else:
        chunks[at] = (name, mutate_bytes(data, [other for _, other in chunks], dice))
    packed = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return content[:8] + b"".join(packed)
