"""Models from public repositories, by Keras 1.1 to 3.15. The folder is not part of this repository."""

import numpy as np
import pytest
from real_models import FOLDER, ROWS, each_real_file

from weightscope.files.read import read


@pytest.mark.skipif(not ROWS, reason=f"{FOLDER} is not there")
def test_the_folder_is_whole():
    assert len(ROWS) == 61


@each_real_file()
def test_every_array_of_every_file(row):
    path = FOLDER / row["file"]
    zipped = path.read_bytes().startswith(b"PK")
    with read(path) as saved:
        assert saved.format == ("keras archive" if zipped else "legacy h5 model")
        assert saved.keras_version == (row["keras_version"] or None)
        assert saved.backend == (row["backend"] or None)
        assert saved.config["class_name"] == row["model_class"]
        assert saved.others == {}
        for name, array in saved.arrays.items():
            values = array.read()
            assert (array.path, array.shape, array.dtype) == (name, values.shape, values.dtype.name)
            assert array.size == values.size and array.nbytes == values.nbytes
            assert np.issubdtype(values.dtype, np.number)
        if saved.order is not None:
            listed = [path for paths in saved.order.values() for path in paths]
            assert sorted(listed) == sorted(set(saved.arrays) - saved.optimizer)
