"""A model without what the models in it were compiled with, which Keras makes as it loads them, and nobody asks for."""

import json
import os
import shutil
import zipfile

import h5py

from weightscope.checking.configs import COMPILED
from weightscope.files.keras_archive import CONFIG


def untrained(config):
    """Return a config without what any model in it was compiled with."""
    if isinstance(config, list):
        return [untrained(item) for item in config]
    if not isinstance(config, dict):
        return config
    return {key: untrained(item) for key, item in config.items() if key != COMPILED or "class_name" not in config}


def is_compiled(saved):
    """Tell whether a model inside the one of a ``Saved`` says what it was compiled with."""
    inner = (saved.config or {}).get("config")
    return untrained(inner) != inner


def write(saved, path):
    """Write the model of a ``Saved`` to a new ``path`` in the same format, without what it was compiled with."""
    writer = {"keras archive": _archive, "keras folder": _folder, "legacy h5 model": _hdf5}[saved.format]
    writer(saved.path, path, json.dumps(untrained(saved.config)))


def _archive(old, new, config):
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(new, "w") as target:
        target.writestr(CONFIG, config)
        for name in source.namelist():
            if name != CONFIG and not name.endswith("/"):
                with source.open(name) as member, target.open(name, "w", force_zip64=True) as copy:
                    shutil.copyfileobj(member, copy)


def _folder(old, new, config):
    os.mkdir(new)
    for name in os.listdir(old):
        if name != CONFIG:
            os.symlink(os.path.join(os.path.abspath(old), name), os.path.join(new, name))
    with open(os.path.join(new, CONFIG), "w", encoding="utf-8") as file:
        file.write(config)


def _hdf5(old, new, config):
    shutil.copyfile(old, new)
    with h5py.File(new, "r+") as file:
        file.attrs["model_config"] = config
