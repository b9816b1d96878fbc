"""A file of an older Keras 3 is judged as the Keras that judges it reads it; what its own meant is told beside."""

from importlib.metadata import PackageNotFoundError, version

import numpy as np

from weightscope.errors import NotReplayable, Unreadable
from weightscope.model.structure import flatten
from weightscope.opening.load import load, translated
from weightscope.reference.choosing import Reference
from weightscope.replaying.replay import predict


def as_judged(model, referee):
    """Return a loaded model as the referee reads it: the same one, unless the Keras of its file meant otherwise.

    Recorded values are those of the file's own Keras as far as anybody knows, so they are held against its meaning.
    """
    saved = model.saved
    if not (isinstance(referee, Reference) and referee.kind != "tf_keras" and str(saved.keras_version)[:2] == "3."):
        return model
    try:
        newest = version("keras")
        if newest == saved.keras_version or translated(saved, newest) == translated(saved):
            return model
        judged = load(saved.path, saved.architecture, newest, saved.backend, saved.bind)
    except (PackageNotFoundError, Unreadable):
        return model
    if _told(judged) == _told(model):
        judged.saved.close()
        return model
    _share_arrays(model, judged)
    return judged


def _share_arrays(model, judged):
    place = {id(stored): path for read in (model, judged) for path, stored in read.saved.arrays.items()}
    given = {place.get(id(weight.stored)): weight for weight in model.all_weights()}
    for weight in judged.all_weights():
        if place.get(id(weight.stored)) in given and weight.stored is not None:
            weight.share(given[place[id(weight.stored)]])


def meanings(model, judged, inputs):
    """Return a line on what the Keras of the file meant otherwise, and how far apart the outputs are; [] for nothing.

    ``model``: the file as its own Keras read it, ``judged`` as the referee does; ``inputs``: what both are run on.
    """
    if judged is model:
        return []
    told = "; ".join(note for note in _told(model) if note not in _told(judged))
    return [f"Keras {model.saved.keras_version}, which saved the file, meant something else than Keras"
            f" {judged.saved.keras_version}: {told}; {_outputs_apart(model, judged, inputs)}"]


def _told(model):
    """Return the notes of a model, without the version that they begin with."""
    return [note.partition("read as: ")[2] or note for note in model.notes]


def _outputs_apart(model, judged, inputs):
    try:
        pairs = list(zip(*(flatten(predict(read, inputs)) for read in (model, judged)), strict=True))
    except NotReplayable as error:
        return f"how far the outputs are apart is not known: {error}"
    shapes = [f"{one.shape} instead of {other.shape}" for one, other in pairs if one.shape != other.shape]
    if shapes:
        return f"on this input its output is {', '.join(shapes)}"
    most = max((_largest_difference(one, other) for one, other in pairs if one.size), default=0.0)
    dtypes = [f", as {one.dtype} instead of {other.dtype}" for one, other in pairs if one.dtype != other.dtype]
    apart = "are the same" if most == 0 else f"are apart by up to {most:.1e}"
    return f"on this input the outputs of the two {apart}{''.join(dtypes[:1])}"


def _largest_difference(one, other):
    if one.dtype.kind not in "biufc":
        return float(np.any(one != other))
    one, other = (np.asarray(array, np.result_type(array, float)) for array in (one, other))
    with np.errstate(all="ignore"):
        apart = np.where((one == other) | (np.isnan(one) & np.isnan(other)), 0, np.abs(one - other))
    return float(np.max(apart))
