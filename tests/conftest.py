"""Without Keras, the tests that hold weightscope against it are left out; the rest runs."""

import os
from importlib.util import find_spec

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # else a matter of the processor, and so is what TensorFlow can run
_HAS_KERAS = find_spec("keras") is not None
_NEEDS_KERAS = ("\nimport keras", "\nfrom keras", "\nfrom agreement")


def pytest_ignore_collect(collection_path):
    """Leave out the modules that import Keras where there is none."""
    if _HAS_KERAS or collection_path.suffix != ".py":
        return None
    return any(line in collection_path.read_text() for line in _NEEDS_KERAS) or None
