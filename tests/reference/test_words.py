"""What Keras says of a model that it does not take, in a line, and what to do about it."""

import pytest

from weightscope.reference.words import FEW, few, plain, remedy


@pytest.mark.parametrize(("text", "told"), [
    ("Could not locate class 'A'. Make sure custom classes are registered.", "Could not locate class 'A'"),
    ("Shape mismatch for weight x/mean. Weight expects shape (3,). Received ()",
     "Shape mismatch for weight x/mean. Weight expects shape (3,). Received ()"),
    ("One. " * 80, ("One. " * 80)[:199].rstrip(". ")),
    ("x" * 500, "x" * (FEW - 3)),
])
def test_the_first_sentences_that_are_no_advice_fit_in_a_line(text, told):
    assert few(text) == told
    assert len(few(text)) <= FEW


def test_an_error_without_words_has_a_name():
    assert plain(ValueError()) == "ValueError"
    assert plain(ValueError("two\n  lines")) == "two lines"


@pytest.mark.parametrize(("text", "told"), [
    ("Could not locate class 'A'.", "--custom-objects FILE"), ("Unknown loss: 'b'", "a function of yours"),
    ("Unrecognized keyword arguments passed to Dense: {'a': 1}", "another version"),
    ("OOM when allocating tensor", "--batch-size"), ("input must be 4-dimensional", ""),
])
def test_what_to_do(text, told):
    assert told in remedy(text) and bool(told) == bool(remedy(text))
