"""Two small architectures of ``keras.applications``, whole; all of them are in ``make soak``."""

import pytest
from applications import application, names
from holding import hold

pytestmark = pytest.mark.keras


@pytest.mark.parametrize(("name", "settings"), [
    ("MobileNetV2", {"alpha": 0.35}),
    ("EfficientNetV2B0", {"include_preprocessing": True}),
])
def test_agrees(name, settings, tmp_path):
    assert name in names()
    model, inputs = application(name, **settings)
    assert hold(model, inputs, tmp_path) > 0  # two implementations that round alike to the last bit are one
