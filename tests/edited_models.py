"""Saved models with another config."""

import json
import shutil
import zipfile

import h5py


def edited(old, new, change):
    """Write a model again with another config: as an archive, as HDF5, or unpacked, whichever the name says."""
    if new.suffix == ".h5":
        shutil.copy(old, new)
        with h5py.File(new, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            change(config)
            file.attrs["model_config"] = json.dumps(config)
        return
    with zipfile.ZipFile(old) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    if new.suffix == ".keras":
        with zipfile.ZipFile(new, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return
    new.mkdir()
    for name, data in members.items():
        (new / name).write_bytes(data)
