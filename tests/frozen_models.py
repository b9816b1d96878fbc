"""Small random models of either Keras, nested and with random ``trainable`` flags; each kernel fits in another's place.

A legacy ``.h5`` keeps the arrays of a nested model in an order that follows from the flags. Here nearly all arrays of
a kind have the same shape, so that nothing but the order, or a name, tells whose they are.
"""

import numpy as np

import weightscope

STEPS, WIDTH = 3, 4


class Grown:
    """A random model: ``model``, its input ``x``, and ``story``, a line for each layer and each flag that was set."""

    def __init__(self, keras, rng):
        self._keras, self._rng, self._made, self.story = keras, rng, 0, []
        self.model = self._nested(rng.choice([0, 1, 1, 2]), (STEPS, WIDTH), outermost=True)
        for _ in range(rng.randrange(1, 7)):
            self._set_a_flag()
        values = np.random.default_rng(rng.randrange(2 ** 32))
        self.model.set_weights([values.uniform(0.1, 0.6, weight.shape).astype("float32") * values.choice([-1, 1])
                                if "variance" not in name else values.uniform(0.5, 2, weight.shape).astype("float32")
                                for name, weight in zip(self._names(), self.model.get_weights(), strict=True)])
        self.x = values.normal(size=(2, STEPS, WIDTH)).astype("float32")

    def _names(self):
        return [weight.name for weight in self.model.weights]

    def _name(self, kind):
        self._made += 1
        return f"{kind}{self._made}"

    def _nested(self, depth, shape, outermost=False):
        rng, keras = self._rng, self._keras
        kind = rng.choice(["Sequential", "Functional"])
        layers = [self._layer(depth, shape) for _ in range(rng.randrange(2, 4))]
        if outermost or (depth and not any(isinstance(layer, keras.Model) for layer in layers)):
            layers.insert(rng.randrange(len(layers) + 1), self._nested(max(depth - 1, 0), shape))
        name = self._name("model")
        self.story.append(f"{name}: {kind} of {[layer.name for layer in layers]}")
        if kind == "Sequential":
            return keras.Sequential([keras.Input(shape), *layers], name=name)
        x = inputs = keras.Input(shape)
        for layer in layers:
            y = layer(x, x) if isinstance(layer, keras.layers.MultiHeadAttention) else layer(x)
            twice = rng.random() < 0.15 and not isinstance(layer, keras.layers.MultiHeadAttention)
            x = layer(keras.layers.add([x, y])) if twice else y
        return keras.Model(inputs, x, name=name)

    def _layer(self, depth, shape):
        rng, keras = self._rng, self._keras
        layers, frozen = keras.layers, {"trainable": False} if rng.random() < 0.1 else {}
        if depth and rng.random() < 0.3:
            return self._nested(depth - 1, shape)
        of_steps = ["both", "each", "rnn", "separable"] if len(shape) == 2 else []
        kind = rng.choice(["dense", "dense", "norm", *of_steps])
        if kind == "each":
            inner = self._nested(depth, shape[1:]) if rng.random() < 0.4 else self._layer(0, shape[1:])
            return layers.TimeDistributed(inner, name=self._name("each"), **frozen)
        if kind == "both":
            rnn = rng.choice([layers.LSTM, layers.GRU, layers.SimpleRNN])
            return layers.Bidirectional(rnn(WIDTH // 2, return_sequences=True, name=self._name("rnn")),
                                        name=self._name("both"), **frozen)
        made = {"dense": lambda name: layers.Dense(WIDTH, name=name, **frozen),
                "norm": lambda name: layers.BatchNormalization(name=name, **frozen),
                "rnn": lambda name: layers.SimpleRNN(WIDTH, return_sequences=True, name=name, **frozen),
                "separable": lambda name: layers.SeparableConv1D(WIDTH, 1, name=name, **frozen)}
        return made[kind](self._name(kind))

    def _set_a_flag(self):
        layer, value = self._rng.choice(list(inside(self.model))), self._rng.random() < 0.45
        layer.trainable = value
        self.story.append(f"{layer.name}.trainable = {value}")


def inside(layer):
    """Yield every layer inside a layer of either Keras: those of models, and what wrappers hold."""
    held = list(getattr(layer, "layers", ()))
    held += [getattr(layer, name) for name in ("forward_layer", "backward_layer") if hasattr(layer, name)]
    held += [layer.layer] if type(layer).__name__ == "TimeDistributed" else []
    for part in held:
        yield part
        yield from inside(part)


def hold(keras, grown, path):
    """Save a Grown at ``path`` and hold weightscope against its Keras: what it loads, and what the model itself gave.

    Where Keras loads other values than the model had, the ledger has to say so. Returns "loaded", "exchanged" for such
    a file, or "not loaded" where Keras cannot.
    """
    is_whole = not path.name.endswith(".weights.h5")
    (grown.model.save if is_whole else grown.model.save_weights)(path)
    (path.parent / "architecture.json").write_text(grown.model.to_json())
    options = {} if is_whole else {"architecture": path.parent / "architecture.json"}
    opened = weightscope.load(path, **options)
    by_names = weightscope.load(path, bind="names", **options) if opened.saved.order is not None else opened
    assert opened.ledger.closes and not opened.ledger.unclaimed and not opened.ledger.problems, opened.ledger
    wanted, found = _outputs(grown.model, grown.x), weightscope.predict(opened, grown.x)
    _close(weightscope.predict(by_names, grown.x), wanted, "by names, held against the model that was saved")
    try:
        again = _loaded(keras, grown, path, is_whole)
    except Exception:  # arrays of other shapes in its order, and what Keras makes of its own files otherwise
        _close(found, wanted, "held against the model that was saved, which Keras does not load")
        return "not loaded"
    again = _outputs(again, grown.x)
    _close(found, again, "held against what Keras loads")
    exchanged = not np.allclose(again, wanted, rtol=1e-3, atol=1e-4)
    assert opened.ledger.contested or not exchanged, "Keras exchanges arrays, and nobody says so"
    return "exchanged" if exchanged else "loaded"


def _loaded(keras, grown, path, is_whole):
    if is_whole:
        return keras.models.load_model(path, compile=False)
    model = keras.models.model_from_json(grown.model.to_json())
    model.load_weights(path)
    return model


def _outputs(model, x):
    return np.asarray(model(x, training=False))


def _close(ours, theirs, told):
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5 * scale, err_msg=told)
