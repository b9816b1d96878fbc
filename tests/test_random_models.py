"""Random valid models agree with Keras: a few in every run; ``make soak`` runs as many as you like."""

import pytest
from holding import NotRun, hold
from how_many import how_many
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st
from random_models import random_model

pytestmark = pytest.mark.keras


# A failure is not made smaller: each attempt would build, save and load a model. The story in the message is short.
@settings(max_examples=how_many(10, 250), derandomize=True, deadline=None, database=None, phases=[Phase.generate],
          suppress_health_check=list(HealthCheck))
@given(chance=st.randoms(use_true_random=True), policy=st.sampled_from(["float32", "float32", "float64"]))
def test_agrees(tmp_path_factory, chance, policy):
    grown = random_model(chance, policy)
    try:
        hold(grown.model, grown.inputs, tmp_path_factory.mktemp("random"))
    except NotRun:
        reject()
    except Exception as error:
        raise AssertionError("\n".join([f"{policy}: {error}", *grown.story])) from error


def test_one_seed_is_one_model():
    import random

    stories = [random_model(random.Random(5)).story for _ in range(2)]
    assert stories[0] == stories[1] and stories[0]


def test_a_changed_weight_is_found(tmp_path):
    import random

    for seed in range(20):
        grown = random_model(random.Random(seed))
        if grown.model.count_params():
            break
    grown.model.save(tmp_path / "model.keras")
    weight = grown.model.weights[0]
    with pytest.raises(AssertionError):
        from holding import _hold_weights

        import weightscope

        opened = weightscope.load(tmp_path / "model.keras")
        weight.assign(weight + 1)
        _hold_weights(opened, grown.model)
