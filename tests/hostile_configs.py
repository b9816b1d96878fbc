"""Damage to the config of a saved model, well-formed as JSON: what comes from one seed is always the same damage.

Run as a script, it opens damaged models one after the other, in every way that a command would, and says what came of
them: ``python tests/hostile_configs.py MODEL SCRATCH FIRST LAST``. Each is announced before it is opened, so that the
last line names the one that hung or died.
"""

import copy
import io
import json
import random
import resource
import shutil
import signal
import sys
import zipfile
from pathlib import Path

MOST_MEMORY = 3 << 30
MOST_SECONDS = 5  # of the processor's time
MOST_INPUT = 10**5

VALUES = (
    None, True, False, 0, 1, -1, 2, 3, 7, -(10**9), 10**6, 10**9, 2**31, 2**63, 10**30, 0.0, -0.5, 1e308, 1.5,
    float("nan"), float("inf"), -float("inf"), "", "same", "valid", "linear", "Dense", "nobody", "\x1b[31mred\x00\n",
    "\ud800", "\u202e", "a" * 10000, "../../etc/passwd", "float99", "string", "int8", "bfloat16", "channels_first",
    [], [[]], [None], [0], [-1, -1], [10**9, 10**9], [1, 2, 3, 4, 5, 6, 7], ["a", "b"], {}, {"class_name": "Dense"},
    {"class_name": "Dense", "config": {}}, {"class_name": "Dense", "config": {"name": "d", "units": 10**9}},
    {"class_name": "RepeatVector", "config": {"name": "r", "n": 10**9}}, {"class_name": 7, "config": 7},
    {"class_name": "__numpy__", "config": {"value": [[1], 2], "dtype": "float32"}},
    {"class_name": "__tensor__", "config": {"value": 1, "dtype": "no"}},
    {"class_name": "__keras_tensor__", "config": {"keras_history": ["nobody", 0, 0]}},
    {"class_name": "__keras_tensor__", "config": {"keras_history": ["input", 10**9, -1]}},
    {"class_name": "__lambda__", "config": {"value": "abc"}}, {"class_name": "__slice__", "config": {}},
    {"class_name": "__ellipsis__"}, {"class_name": "function", "config": "relu", "registered_name": "function"},
    {"class_name": "Sequential", "config": {"layers": []}}, {"module": "keras.layers", "class_name": "LSTM"},
)


def places(value, found=None):
    """Return ``(container, key)`` of everything inside a JSON value."""
    found = [] if found is None else found
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found.append((value, key))
        places(inner, found)
    return found


def damaged(config, seed):
    """Return a config with some values changed, dropped, doubled, moved or wrapped, and a line on what was done."""
    chance, config, told = random.Random(seed), copy.deepcopy(config), []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        everything = places(config)
        container, key = chance.choice(everything)
        how = chance.choice(("value", "value", "value", "value", "drop", "double", "move", "wrap", "near"))
        told.append(f"{how} {key!r}")
        _change(chance, how, container, key, everything)
    return config, ", ".join(told)


def _change(chance, how, container, key, everything):
    old = container[key]
    if how == "drop":
        del container[key]
    elif how == "double" and isinstance(old, (list, str)):
        container[key] = old + old
    elif how == "move":
        other, name = chance.choice(everything)
        if name in (other if isinstance(other, dict) else range(len(other))):
            container[key] = copy.deepcopy(other[name])
    elif how == "wrap":
        for _ in range(chance.choice((1, 2, 30, 150))):
            container[key] = [container[key]] if chance.random() < 0.5 else {"config": container[key]}
    elif how == "near" and type(old) in (int, float, bool):
        container[key] = chance.choice((old + 1, old - 1, -old, old * 10**6, str(old), [old], float(old) + 0.5))
    else:
        container[key] = copy.deepcopy(chance.choice(VALUES))


def config_of(path):
    """Return the config of a saved model, as Keras wrote it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json"))
    import h5py

    with h5py.File(path) as file:
        return json.loads(file.attrs["model_config"])


def write(original, config, target):
    """Write a copy of a saved model with another config."""
    text = json.dumps(config)
    if zipfile.is_zipfile(original):
        with zipfile.ZipFile(original) as old, zipfile.ZipFile(target, "w") as new:
            for name in old.namelist():
                new.writestr(name, text if name == "config.json" else old.read(name))
        return
    import h5py
    import numpy as np

    shutil.copyfile(original, target)
    with h5py.File(target, "r+") as file:
        del file.attrs["model_config"]
        file.attrs["model_config"] = np.bytes_(text.encode())


def outcome(path):
    """Open a model, report on it in all formats, and replay it; return what came of it: errors of ours, or ``ran``."""
    import weightscope
    from weightscope.errors import WeightscopeError
    from weightscope.model.names import printable
    from weightscope.model.structure import flatten
    from weightscope.replaying import inputs
    from weightscope.show import json as as_json
    from weightscope.show import markdown, text
    from weightscope.show.overview import Overview

    try:
        model = weightscope.load(path)
        view = Overview(model, with_statistics=True, with_values=True)
        for report in (as_json.model, markdown.model, lambda view, file: text.model(view, text.Page(file))):
            file = io.StringIO()
            report(view, file)
            file.getvalue().encode()
        shapes = model.shapes()
        assert isinstance(shapes, dict)
        x, _ = inputs.for_model(model, samples=2)
        if sum(array.size for array in flatten(x)) > MOST_INPUT:
            return "large"  # a valid model that takes its time
        trace = weightscope.replay(model, x)
        return "partly" if trace.missing or trace.problem else "ran"
    except WeightscopeError as error:
        assert len(str(error).splitlines()) == 1, error
        printable(error).encode()
        return type(error).__name__


def main(original, scratch, first, last):
    """Open the damaged models of these seeds; a traceback ends it."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    config, found = config_of(original), {}
    for seed in range(int(first), int(last)):
        changed, told = damaged(config, seed)
        print(f"{seed}: {told}", flush=True)
        target = Path(scratch) / f"damaged{Path(original).suffix}"
        write(original, changed, target)
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
        what = outcome(target)
        signal.setitimer(signal.ITIMER_PROF, 0)
        found[what] = found.get(what, 0) + 1
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
