"""Make the sample models: train each one with Keras, seeded, and save it in every format that Keras has.

    python sample_models/build.py [NAME ...]

needs the extra ``samples`` (TensorFlow and tf_keras). For a sample NAME, a function in samples.py, this writes

    NAME.keras         NAME.h5           the model, as Keras 3 saves it
    NAME.weights.h5                      its weights alone
    NAME_keras2.h5                       the same model and weights, as Keras 2 saves it
    NAME_input.npy (or .npz)             a few inputs, float32 unless a layer wants integers

Built again on the same machine, every .h5 and input comes out byte for byte the same; a .keras holds the date.
"""

import logging
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from samples import SAMPLES

# Keras advises against HDF5 at every save; here it is meant.
logging.getLogger("absl").setLevel(logging.ERROR)
tf.get_logger().setLevel(logging.ERROR)
warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")

FOLDER = Path(__file__).parent
SEED = 2


def built(function, library):
    """The sample as a given Keras builds it, with its layers numbered from zero and its random numbers from SEED."""
    library.backend.clear_session()
    library.utils.set_random_seed(SEED)
    return function(library, np.random.default_rng(SEED))


def train(sample):
    """Fit the sample's model, and whatever has to be trained before it; it must have learned something."""
    if sample.before:
        train(sample.before)
        sample.frozen.trainable = False
    if sample.weights:
        sample.model.set_weights(sample.weights)
        return
    sample.model.compile(keras.optimizers.Adam(sample.learning_rate), sample.loss)
    untrained = loss(sample)
    sample.model.fit(sample.x, sample.y, sample.batch_size, sample.epochs, verbose=0)
    if loss(sample) > untrained / 4:
        raise SystemExit(f"{sample.model.name} did not learn: loss {untrained:.4f}, then {loss(sample):.4f}")


def loss(sample):
    return np.ravel(sample.model.evaluate(sample.x, sample.y, verbose=0))[0]


def shown_input(sample):
    """The first examples, in the form that ``predict`` takes: one array, or one for each input."""
    if isinstance(sample.x, list):
        return [array[: sample.shown] for array in sample.x]
    return sample.x[: sample.shown]


def keras2_copy(function, model):
    """The model as Keras 2 builds it, with the weights of the Keras 3 one, layer by layer."""
    copy = built(function, tf_keras).model
    if copy.count_params() != model.count_params():
        raise SystemExit(f"{function.__name__}: Keras 2 builds another model")
    set_weights(copy, model)
    return copy


def set_weights(copy, model):
    for ours, theirs in zip(copy.layers, model.layers, strict=True):
        if hasattr(theirs, "layers"):
            ours.trainable = theirs.trainable
            set_weights(ours, theirs)
        else:
            ours.set_weights(theirs.get_weights())


def save(name, sample, x):
    """Write the model in each format of Keras 3, and its input."""
    model = sample.model
    if not sample.keep_optimizer:
        model = type(model).from_config(model.get_config())
        model.set_weights(sample.model.get_weights())
    model.save(FOLDER / f"{name}.keras")
    model.save(FOLDER / f"{name}.h5")
    model.save_weights(FOLDER / f"{name}.weights.h5")
    if isinstance(x, list):
        names = [tensor.name for tensor in model.inputs]
        np.savez(FOLDER / f"{name}_input.npz", **dict(zip(names, x, strict=True)))
    else:
        np.save(FOLDER / f"{name}_input.npy", x)


def build(function):
    """Train one sample, check it, and write its files."""
    name = function.__name__
    sample = built(function, keras)
    train(sample)
    x = shown_input(sample)
    prediction = sample.model.predict(x, verbose=0)
    if not sample.check(prediction):
        raise SystemExit(f"{name} did not learn what it was to learn: {prediction}")
    save(name, sample, x)
    copy = keras2_copy(function, sample.model)
    tf.nest.map_structure(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5),
        copy.predict(x, verbose=0),
        prediction,
    )
    copy.save(FOLDER / f"{name}_keras2.h5", include_optimizer=False)


def main(names):
    unknown = set(names) - {function.__name__ for function in SAMPLES}
    if unknown:
        raise SystemExit(f"no such sample: {', '.join(sorted(unknown))}")
    tf.config.experimental.enable_op_determinism()
    for function in SAMPLES:
        if not names or function.__name__ in names:
            build(function)
            print(function.__name__)


if __name__ == "__main__":
    main(sys.argv[1:])
