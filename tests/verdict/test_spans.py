"""What predict gives of models that amplify rounding: as far off as rounding can take it, and no further."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from judging import Live, both_sides

import weightscope
from weightscope.reference.choosing import Referee
from weightscope.replaying.samples import samples_of
from weightscope.show.verdict import sentence
from weightscope.verdict.differences import differences_of
from weightscope.verdict.gaps import Tolerance, gap
from weightscope.verdict.outputs import Outputs
from weightscope.verdict.spans import moved_outputs

pytestmark = pytest.mark.keras
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 8)).astype("float32")


class Amplifying:
    """A row of layers, each of which makes differences about twice as large; saved, and run by both sides."""

    def __init__(self, path, depth):
        self.keras = keras.Sequential([keras.Input((8,)), *(keras.layers.Dense(64, activation="tanh")
                                                            for _ in range(depth)), keras.layers.Dense(3)])
        weights = self.keras.get_weights()
        self.keras.set_weights([RNG.normal(size=w.shape) * (3 / np.sqrt(len(w)) if w.ndim > 1 else 0.1)
                                for w in weights])
        self.keras.save(path)
        self.model = weightscope.load(path)
        sides, alone = both_sides(self.model, Live(path, samples_of(self.model, X).arrays))
        self.rows = differences_of(sides, alone)
        self.outputs, self.traced = Outputs(), sides.theirs[self.model.layers[-1].name]
        self.outputs.add(sides)

    def rounded_otherwise(self):
        """Return what Keras predicts where XLA compiles it."""
        self.keras.compile(jit_compile=True)
        return self.keras.predict(X, verbose=0)

    def wired_wrong(self):
        """Return what a model predicts whose last layer reads another than it should."""
        last, before = self.keras.layers[-1], self.keras.layers[-3].output
        return keras.Model(self.keras.inputs, last(before)).predict(X, verbose=0)

    def judged(self, predicted):
        """Return the Gap of the output, ``predicted`` being what the reference gives."""
        return self.outputs.gaps([predicted], self.rows, Tolerance())[0]


@pytest.fixture(scope="module")
def amplifying(tmp_path_factory):
    """One that amplifies a hundred thousandfold."""
    return Amplifying(tmp_path_factory.mktemp("model") / "model.keras", 25)


def test_rounding_that_layers_amplify_is_no_difference(amplifying):
    predicted = amplifying.rounded_otherwise()
    assert {row.verdict for row in amplifying.rows} == {"agrees"}
    assert not gap(amplifying.traced, predicted, Tolerance()).within
    found = amplifying.judged(predicted)
    assert found.within and 1e-4 < found.span < 0.5 and not found.is_chaotic


def test_an_output_that_is_another_diverges_all_the_same(amplifying):
    found = amplifying.judged(amplifying.wired_wrong())
    assert not found.within and found.of_limit > 1 and not found.is_chaotic
    off = amplifying.traced * np.float32(1 + 4 * found.span)
    assert not amplifying.judged(off).within


def test_where_nothing_is_amplified_nothing_is_asked(amplifying):
    found = amplifying.judged(amplifying.traced)
    assert found.within and not found.span


def test_a_layer_that_diverges_excuses_no_output(amplifying):
    rows = [replace(amplifying.rows[0], verdict="diverges"), *amplifying.rows[1:]]
    found, = amplifying.outputs.gaps([amplifying.rounded_otherwise()], rows, Tolerance())
    assert not found.within


def test_chaos_is_said_and_the_layers_decide(tmp_path, monkeypatch):
    chaotic = Amplifying(tmp_path / "model.keras", 60)
    monkeypatch.setattr(Referee, "predicted", lambda _: [chaotic.rounded_otherwise()])
    result = weightscope.verify(chaotic.model, X)
    assert result and result.outputs[0].is_chaotic
    assert any(line.startswith("chaotic here: ") for line in sentence(result))
    assert chaotic.judged(chaotic.traced * np.float32("nan")).within is False


def test_states_are_carried_on_in_every_run(tmp_path):
    model = keras.Sequential([keras.Input(batch_shape=(2, 3, 2)), keras.layers.LSTM(4, stateful=True)])
    model.save(tmp_path / "model.keras")
    x = RNG.normal(size=(6, 3, 2)).astype("float32")
    (exact,), (span,) = moved_outputs(weightscope.load(tmp_path / "model.keras"), [[part] for part in np.split(x, 3)])
    predicted = model.predict(x, batch_size=2, verbose=0)
    np.testing.assert_allclose(exact, predicted, rtol=1e-5, atol=1e-6)
    assert span.shape == exact.shape and (span > 0).all() and span.max() < 1e-3
