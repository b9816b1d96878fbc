"""Without Keras, the tests that hold weightscope against it are left out; the rest runs."""

import gc
import os
import subprocess
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
from ready_children import READY

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # else a matter of the processor, and so is what TensorFlow can run
_HAS_KERAS = find_spec("keras") is not None
_NEEDS_KERAS = ("\nimport keras", "\nfrom keras", "\nfrom agreement")


# Few tests that take long: begun last, one of them would keep a single worker busy in the end.
_LONG = ("test_random_models.py", "test_policies.py", "test_binding.py", "test_savedmodel.py",
         "test_hostile_configs.py", "test_operations_numpy.py", "test_operations_nn.py", "test_other_meaning.py",
         "test_causes.py")


def pytest_collection_modifyitems(items):
    """Begin with the files that take long."""
    items.sort(key=lambda item: item.path.name not in _LONG)


def pytest_collection_finish():
    """Spare the garbage collector, which Keras calls for every model, what is there to stay: a fifth of a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def ready():
    """The process that references fork from, begun with the first."""
    yield READY
    READY.end()


@pytest.fixture(autouse=True)
def references_need_not_import_keras(request, ready, monkeypatch):
    """Fork the children of references off one that has; those of ``test_process`` are started as ever."""
    if request.path.name != "test_process.py":
        monkeypatch.setattr("weightscope.reference.process.subprocess",
                            SimpleNamespace(Popen=ready.popen, PIPE=subprocess.PIPE))


def pytest_ignore_collect(collection_path):
    """Leave out the modules that import Keras where there is none."""
    if _HAS_KERAS or collection_path.suffix != ".py":
        return None
    return any(line in collection_path.read_text() for line in _NEEDS_KERAS) or None
