"""Damage to model files, arrays and records that keeps their form: what comes of one seed is always the same.

A config is changed at its tokens, its values or its structure, an HDF5 file at its attributes, arrays and groups, a zip
at its members, an ``.npy`` at its header; and any file at its bytes. What is changed is packed again.
"""

import io
import json
import re
import struct
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
from hostile_configs import damaged

TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|[{}\[\],:]|true|false|null')
STRANGE = ("NaN", "-Infinity", "1e999", "-0", "9" * 5000, "[" * 300, "{", '{"a":1,"a":2}', '"\\ud800"', '"\\u0000"', "",
           "tru", "'a'", "0x10", "1.", "]", "null", '"' + "a" * 3000 + '"', "\x00", "\ufeff", "1e-400")
EIGHT = (b"\xff" * 8, bytes(8), b"\0\0\0\0\0\0\0\x80", b"\x01" + bytes(7))
NAMES = ("../up", "a\\b", "/abs", "C:\\x", "config.json", "model.weights.h5", "a" * 300, "\x1b[31m", "ü", "x/", "x.npy",
         "m.pkl", "assets/../../x", "nul\n")
SHAPES = ((), (0,), (1,), (3, 0), (2, 3), (7,), (1, 1, 1, 1, 1), (2,) * 20, (1000,), (5, 3))
DTYPES = ("f2", "f4", "f8", ">f4", "i1", "u8", "?", "c8", "S3", "V2", "V5", "i8")
WORDS = ("", "-1", "0", "1", "7", str(10 ** 12), "9" * 5000, "'<f8'", "'|O'", "'<U7'", "'<M8[s]'", "(", ")", ",",
         "None", "True", "'>f4'", "'<c16'", "'|V3'", "[('a', '<f4')]", "{", "lambda", "2 ** 9", "'x'", "\'\'\'")


def mutated(path, chance):
    """Return the bytes of a file, changed, and a line on what was done; ``chance``: a ``random.Random``."""
    data = Path(path).read_bytes()
    if chance.random() < 0.1:
        return _bytes(data, chance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names twice in a zip
        return _changed(data, chance)


def _changed(data, chance):
    change = next((change for start, change in (
        (b"PK", _zip), (b"\x89HDF", _hdf5), (b"\x93NUMPY", _npy)) if data.startswith(start)), _bytes)
    try:
        return change(data, chance)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, OverflowError):  # a change that cannot be written
        return _bytes(data, chance)


def _bytes(data, chance):
    """Cut a file, or change some of its bytes, mostly those that are not zero: sizes, addresses, names."""
    changed, how = bytearray(data), chance.choice(("cut", "flip", "flip", "eight", "double", "text mode"))
    if how == "cut":
        return bytes(changed[: chance.randrange(len(changed) + 1)]), "bytes cut"
    if how == "double":
        return bytes(changed + changed[chance.randrange(len(changed) + 1):]), "bytes doubled"
    if how == "text mode":
        return data.replace(b"\r\n", b"\n") if chance.random() < 0.5 else data.replace(b"\n", b"\r\n"), "text mode"
    used = [at for at, byte in enumerate(changed) if byte] or [0]
    for _ in range(chance.choice((1, 2, 8, 32))):
        at = chance.choice(used)
        if how == "flip" and changed:
            changed[at] ^= 1 << chance.randrange(8)
        else:
            changed[at:at + 8] = chance.choice((*EIGHT, chance.randbytes(8)))
    return bytes(changed), f"bytes {how}"


def _json(text, chance):
    """Change the text of a config: its values and structure, or its tokens."""
    if chance.random() < 0.75:
        try:
            config, told = damaged(json.loads(text), chance.randrange(2 ** 32))
            return json.dumps(config), told
        except (ValueError, IndexError):  # it was changed to what is no JSON, or to nothing
            pass
    tokens = TOKENS.findall(text)
    told = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        at, how = chance.randrange(len(tokens) or 1), chance.choice(("drop", "double", "swap", "strange", "cut"))
        told.append(f"token {how} {at}")
        if not tokens or how == "strange":
            tokens[at:at + 1] = [chance.choice(STRANGE)]
        elif how == "swap":
            other = chance.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        else:
            tokens[at:] = {"drop": tokens[at + 1:], "double": [tokens[at], *tokens[at:]], "cut": []}[how]
    return "".join(tokens), ", ".join(told)


def _zip(data, chance):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    how = chance.choice(("member", "member", "member", "member", "order", "drop", "double", "rename", "add", "swap"))
    at = chance.randrange(len(members))
    configs = [index for index, (name, _) in enumerate(members) if name == "config.json"]
    if how == "member" and configs and chance.random() < 0.6:
        at = configs[0]
    name, inside = members[at]
    told = f"{how} {name}"
    if how == "member":
        inside, more = _member(name, inside, chance)
        members[at], told = (name, inside), f"{name}: {more}"
    elif how == "order":
        chance.shuffle(members)
    elif how == "drop":
        del members[at]
    elif how == "double":
        members.append(members[at])
    elif how == "rename":
        members[at] = (chance.choice(NAMES), inside)
    elif how == "add":
        members.append((chance.choice(NAMES), chance.choice((b"", b"x" * 100, inside))))
    else:
        other = chance.randrange(len(members))
        members[at], members[other] = (name, members[other][1]), (members[other][0], inside)
    return _zipped(members, chance), told


def _zipped(members, chance):
    packed = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packed) as archive:
        for name, inside in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = packed
            archive.writestr(info, inside)
    return file.getvalue()


def _member(name, data, chance):
    if name.endswith(".json"):
        text, told = _json(data.decode(), chance)
        return text.encode("utf-8", "surrogatepass"), told
    return _changed(data or b"\0", chance)


def _hdf5(data, chance):
    file = io.BytesIO(data)
    with h5py.File(file, "r+") as opened:
        things = [opened]
        opened.visititems(lambda _, thing: things.append(thing))
        configs = [key for key in ("model_config", "training_config") if key in opened.attrs]
        if configs and chance.random() < 0.6:
            key = configs[0] if chance.random() < 0.8 else configs[-1]
            text, told = _json(_text(opened.attrs[key]), chance)
            raw = text.encode("utf-8", "surrogatepass").replace(b"\0", b"")
            opened.attrs[key] = np.bytes_(raw) if len(raw) < 60_000 else "{}"
            return _flushed(opened, file), f"{key}: {told}"
        told = []
        for _ in range(chance.choice((1, 1, 2))):
            told.append(_thing(opened, things, chance))
        return _flushed(opened, file), ", ".join(told)


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def _flushed(opened, file):
    opened.close()
    return file.getvalue()


def _thing(opened, things, chance):
    """Change one thing of an HDF5 file: an attribute, an array, or where it is."""
    live = [thing for thing in things if thing.id.valid and thing.name and (thing.name == "/" or thing.name in opened)]
    thing = chance.choice(live)
    attributes = list(thing.attrs)
    if attributes and chance.random() < 0.5:
        return _attribute(thing, chance.choice(attributes), chance)
    if thing.name == "/":
        opened.create_dataset(f"added_{chance.randrange(10 ** 6)}", data=_array((2,), "f4", chance))
        return "an array more"
    if isinstance(thing, h5py.Dataset) and chance.random() < 0.7:
        return _dataset(opened, thing, chance)
    how, name = chance.choice(("drop", "move", "link", "copy")), thing.name
    other = f"{name.rpartition('/')[0]}/{chance.choice(('0', '1', 'vars', 'kernel:0', 'a b', 'ü', 'x' * 200))}"
    if how == "drop" or other in opened:
        del opened[name]
    elif how == "link":
        opened[other] = h5py.SoftLink(name) if chance.random() < 0.5 else thing
    else:
        (opened.move if how == "move" else opened.copy)(name, other)
    return f"{how} {name}"


def _attribute(thing, key, chance):
    hows = ("drop", "number", "empty", "fewer", "more", "other", "order", "shape")
    value, how = thing.attrs[key], chance.choice(hows)
    del thing.attrs[key]
    many = list(value) if isinstance(value, np.ndarray) and value.ndim else [value]
    if how == "number":
        thing.attrs[key] = chance.choice((1, 2.5, np.zeros(3), True))
    elif how == "empty":
        thing.attrs[key] = h5py.Empty("S1") if chance.random() < 0.5 else np.zeros((0,), "S1")
    elif how == "order" and len(many) > 1:
        thing.attrs[key] = many[1:] + many[:1]
    elif how == "fewer":
        thing.attrs[key] = many[:-1]
    elif how == "more":
        thing.attrs[key] = [*many, many[0] if many else "x"]
    elif how == "other":
        thing.attrs[key] = [chance.choice(("nobody", "../up", "/", "", "ü", "a/b")) for _ in many]
    elif how == "shape":
        thing.attrs[key] = np.array([[str(_text(one)).encode()[:20] for one in many] * 2]) if many else 0
    return f"attribute {key} {how}"


def _array(shape, dtype, chance):
    count = int(np.prod(shape))
    if count > 10 ** 5:
        shape, count = (3,), 3
    if dtype.startswith("V"):
        return np.zeros(shape, dtype)
    values = np.array([chance.choice((0, 1, -2, 0.5, 3, 1e30, np.nan, np.inf)) for _ in range(min(count, 50))] or [0])
    with np.errstate(all="ignore"):
        return np.resize(values, shape).astype(dtype)


def _dataset(opened, thing, chance):
    name, shape, how = thing.name, thing.shape, chance.choice(("shape", "dtype", "values", "text", "empty", "chunked"))
    dtype = thing.dtype.str if thing.dtype.kind in "fiu" else "f4"
    del opened[name]
    if how == "shape":
        shape = chance.choice((*SHAPES, shape[::-1], (*shape, 1), shape[1:]))
        opened[name] = _array(shape, dtype, chance)
    elif how == "dtype":
        opened[name] = _array(shape, chance.choice(DTYPES), chance)
    elif how == "text":
        opened[name] = "some text" if chance.random() < 0.5 else np.array([b"a", b"b"])
    elif how == "empty":
        opened[name] = h5py.Empty("f4")
    elif how == "chunked" and shape and 0 not in shape:
        opened.create_dataset(name, data=_array(shape, dtype, chance), chunks=True, maxshape=shape,
                              compression=chance.choice(("gzip", "lzf", None)), shuffle=chance.random() < 0.5,
                              fletcher32=chance.random() < 0.3)
    else:
        opened[name] = _array(shape, dtype, chance)
    return f"array {name} {how}"


def _npy(data, chance):
    """Change the header of an ``.npy``: its words, its length, its version; or what is behind it."""
    size = 2 if data[6] == 1 else 4
    length = int.from_bytes(data[8:8 + size], "little")
    header, body = data[8 + size:8 + size + length].decode("latin-1"), data[8 + size + length:]
    how = chance.choice(("words", "words", "words", "length", "version", "body", "whole"))
    version = data[6:8]
    if how == "words":
        words = re.findall(r"'[^']*'|-?\d+|\w+|[^\w\s]", header)
        for _ in range(chance.choice((1, 1, 2))):
            at = chance.randrange(len(words))
            words[at:at + 1] = [chance.choice((*WORDS, words[at] * 2))]
        header = " ".join(words) + "\n"
    elif how == "version":
        version = chance.choice((b"\1\0", b"\2\0", b"\3\0", b"\4\0", b"\0\0"))
    elif how == "body":
        body = body[: chance.randrange(len(body) + 1)] if chance.random() < 0.7 else body + b"more"
    elif how == "whole":
        file = io.BytesIO()
        array = _array(chance.choice(SHAPES), chance.choice(DTYPES), chance)
        np.save(file, array)
        return file.getvalue(), f"another array {array.shape} {array.dtype}"
    raw = header.encode("latin-1")
    stated = len(raw) if how != "length" else chance.choice((0, 1, len(raw) - 1, len(raw) + 1, 65535))
    size = 2 if version[0] == 1 else 4
    return b"\x93NUMPY" + version + struct.pack("<I", stated)[:size] + raw + body, f"npy {how}"
