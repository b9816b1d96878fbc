"""What the Keras of an old file gives on it, where it is here and runs the file: tf_keras computes as Keras 2 did."""

from importlib import metadata

from weightscope.errors import WeightscopeError
from weightscope.reference.choosing import Reference
from weightscope.reference.meanings import changed_on_loading
from weightscope.replaying.samples import samples_of


class OwnKeras:
    """A run of the Keras that saved a loaded ``model``, begun at once; a context manager.

    ``version``: which it is, "" where it does not run the file; ``reason``: why not, in words.
    """

    def __init__(self, model, inputs):
        self.version, self._run, self._path = "", None, model.saved.path
        kind, self.reason = _kind(model)
        if self.reason:
            return
        try:
            self._run = Reference(kind).begin(model, samples_of(model, inputs), twin=False)
        except WeightscopeError as error:  # also what is not handed to it, and that it is not installed
            self._give_up(error)

    def predicted(self):
        """Wait for ``predict`` on the old file, and return its flat outputs; None where it does not run."""
        if self._run is None:
            return None
        try:
            self.version = self._run.ready()
            return self._run.predicted()
        except WeightscopeError as error:
            self._give_up(error)
            return None

    def _give_up(self, error):
        self.version, self.reason = "", str(error).removeprefix(f"{self._path}: ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._run is not None:
            self._run.__exit__()


def _kind(model):
    """Return (which Keras is the file's own, why none is)."""
    saved = model.saved
    if model.ledger.contested and model.ledger.chosen == "names":
        return None, "it loads by order, not by names"
    if not saved.is_old:
        is_here = saved.keras_version == _installed()
        return "keras", changed_on_loading(model) if is_here else f"Keras {saved.keras_version} is not here"
    if str(saved.keras_version).split(".")[0] != "2":
        return None, "no Keras 1 is here"
    if saved.backend != "tensorflow":  # tf_keras takes the kernels of another as they are
        return None, f"tf_keras does not know what {saved.backend or 'its backend'} meant"
    return "tf_keras", ""


def _installed():
    try:
        return metadata.version("keras")
    except metadata.PackageNotFoundError:
        return None
