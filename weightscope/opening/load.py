"""From a path to a model: read the file, translate its config, build the layers, bind the arrays."""

import re
from os import PathLike

from weightscope.dialects.translate import translate
from weightscope.errors import Unreadable
from weightscope.files.read import read, read_architecture
from weightscope.files.untrusted import about
from weightscope.layers import families
from weightscope.layers.quantization import Quantized
from weightscope.model.layer import Layer, Unknown, layer_from
from weightscope.model.model import Model
from weightscope.model.running import MISFITS
from weightscope.model.user_code import is_of_user
from weightscope.opening import binding, inferring
from weightscope.opening.faults import weight_faults
from weightscope.opening.loose import Loose

FIRST_ARCHIVE = [2, 12]  # the version of Keras that brought the .keras file


def load(path: str | PathLike[str], architecture: str | PathLike[str] | None = None, keras_version: str | None = None,
         backend: str | None = None, bind: str | None = None) -> Model:
    """Open a saved Keras model and return it as a Model, its weights readable and its layers replayable.

    ``path``: a whole model (``.keras``, ``.h5``, ``.hdf5``) or a weights file (``.weights.h5``, ``.h5``), told apart by
    content; ``architecture``: for a weights file, another file that has the config: a ``.json`` of ``to_json``, or a
    model; ``keras_version``, ``backend``: read the config and the arrays as of these, whatever the file says; ``bind``:
    "order" or "names", what tells whose an array of a legacy ``.h5`` is where the two contradict each other: Keras goes
    by the order, and so does None. The model's ``saved`` is the file, ``ledger`` says where each of its arrays went,
    and ``notes`` what its dialect was read as, and where it contradicts itself. Nothing of the file is run, and Keras
    is not needed. Raises Unreadable or Unsafe.
    """
    saved = read(path)
    if architecture is not None:
        saved.take_config(read_architecture(architecture))
    with about(path):
        _check_asked(saved, keras_version, bind)
        saved.keras_version, saved.backend = keras_version or saved.keras_version, backend or saved.backend
        saved.bind = bind
        try:
            return _model_of(saved)
        except RecursionError:
            raise Unreadable("the layers of its config are nested too deeply") from None


def _check_asked(saved, keras_version, bind):
    """Raise Unreadable for a file that cannot be what it is to be read as."""
    asked = [int(part) for part in re.findall(r"\d+", str(keras_version or ""))[:2]]
    if asked and asked < FIRST_ARCHIVE[:len(asked)] and saved.format in ("keras archive", "keras folder"):
        raise Unreadable(f"is a .keras, which Keras 2.12 was the first to write: it is not of Keras {keras_version}")
    if bind and saved.order is None:
        raise Unreadable(f"its arrays have one place each: nothing is to be bound by {bind}, as in a legacy .h5, whose"
                         " arrays have an order, and names")


def _model_of(saved):
    config, notes = translated(saved)
    model = build(config) if config else Loose.from_arrays(saved)
    if isinstance(model, Unknown):
        model = Loose.from_arrays(saved, model)
    model.comes_from(saved, binding.bind(model, saved, saved.bind))
    if isinstance(model, Loose):
        _infer_layers(model, saved.names)
    else:
        model.ledger.problems += weight_faults(model)
    model.notes = [*_introduced(notes, saved), *_merged(model), *_inferred_input(model), *model.ledger.notes]
    if saved.architecture:
        _check_fit(model)
    return model


def _infer_layers(model, names):
    for layer in [layer for layer in model.layers if not layer.inferred]:
        inferring.infer(layer, [names[layer.name]] if layer.name in names else [])


def _merged(model):
    """Say of layers in few bits with LoRA which values they have: saving a .keras rounds their sums once more."""
    if model.saved.order is not None:
        return []
    return [f"layer {layer.name!r} ({layer.class_name}): LoRA was added to its {layer.mode} weights and the sum rounded"
            " anew when it was saved: replayed is what Keras loads, which the model that was saved only came near to"
            for layer in model.with_parts() if isinstance(layer, Quantized) and layer.whole and layer.lora_rank]


def _inferred_input(model):
    """Give a Sequential whose file does not tell the shape of its input the one that its first Dense takes; say so."""
    entry, first = (model.nodes[0].layer, model.nodes[1].layer) if len(model.nodes) > 1 else (None, None)
    kernel = first.weights.get("kernel") if isinstance(first, Layer) and first.class_name == "Dense" else None
    if not getattr(entry, "implicit", False) or entry.batch_shape is not None or kernel is None or not kernel.shape:
        return []
    entry.batch_shape = (None, kernel.shape[0])
    return [f"the file does not tell the shape of the input: {entry.batch_shape} is inferred from the first kernel"]


def _introduced(notes, saved):
    """Return the notes on what was read as what, behind the version whose meaning that is."""
    version = f"Keras {saved.keras_version}" if saved.keras_version else "an old Keras"
    return [f"{version}, read as: {note}" for note in notes]


def _check_fit(model):
    """Raise Unreadable where the weights of one file are not those of another's architecture."""
    missing = [f"layer {layer.name!r} ({layer.class_name}) finds no {weight.name} {weight.axes!r}"
               for layer in model.with_parts() for weight in layer.weights.values()
               if weight.tracked and weight.shape is None]
    left = [f"array {path!r} {model.saved.arrays[path].shape} belongs to none of its layers"
            for path in model.ledger.unclaimed]
    misfit = next(iter([*model.ledger.problems, *missing, *left]), None)
    if misfit:
        raise Unreadable(f"its weights are not those of the architecture in {model.saved.architecture}: {misfit}")


def translated(saved, keras_version=None):
    """Return a file's config in Keras 3 words, or None where it has none, and notes on what was read as what.

    ``keras_version``: to read it as one of this version, whatever it says.
    """
    if not saved.config:
        return None, []
    try:
        backend = saved.backend or _backend_told_by_names(saved)
        return translate(saved.config, keras_version or saved.keras_version, backend)
    except MISFITS as error:
        said = " ".join(str(error).split())[:100]
        raise Unreadable(f"its config is none that Keras writes ({type(error).__name__}: {said})") from error


def _backend_told_by_names(saved):
    """Return the backend of an old file that does not name it: TensorFlow's weights have names that end in ``:0``."""
    paths = [path for path in saved.arrays if path not in saved.optimizer]
    if saved.order is None or not paths:
        return None
    return "tensorflow" if any(path.rpartition(":")[2].isdigit() for path in paths) else "theano"


def build(config):
    """Build the layers of a config in Keras 3 words: a Model, or Unknown for a class of somebody's own."""
    families.bring(config)
    layer = layer_from(config)
    if is_of_user(layer) and not isinstance(layer, Model):
        found = Unknown({"not_replayable": f"its class {layer.class_name} is taught as a layer, and the file does"
                                           " not say which inputs a model of it takes"}, layer.name)
        found.class_name, found.module = layer.class_name, layer.module
        return found
    if not isinstance(layer, (Model, Unknown)):
        raise Unreadable(f"its config is a {layer.class_name}, not a model")
    return layer
