"""How shapes, axes and numbers are written."""

import pytest

from weightscope.files.saved import Stored
from weightscope.model.layer import Weight
from weightscope.model.names import did_you_mean, printable
from weightscope.show.wording import apart, axes_of, axes_text, counted, shape_list, shape_text


def weight(axes, shape):
    found = Weight("kernel", axes)
    if shape is not None:
        found.stored = Stored("kernel", shape, "float32", 0, 0, lambda: None)
    return found


@pytest.mark.parametrize(("axes", "shape", "text"), [
    ("in units", (2000, 32), "(2000 in × 32 units)"),
    ("height width in filters", (3, 3, 16, 32), "(3 height × 3 width × 16 in × 32 filters)"),
    ("in i|f|c|o:units", (3, 16), "(3 in × i|f|c|o: 4 units)"),
    ("input|recurrent z|r|h:units", (2, 9), "(input|recurrent × z|r|h: 3 units)"),
    ("", (3, 4), "(3 × 4)"),
    ("", (), "(a single number)"),
    ("in units", (3, 4, 5), "(3 × 4 × 5)"),
    ("i|f|c|o:units", (7,), "(7)"),
    ("input|recurrent units", (3, 4), "(3 × 4)"),
    ("1 a", (1, 5), "(1 × 5 a)"),
    ("in i|f|c|o:units", None, "(in × i|f|c|o: units)"),
])
def test_axes_have_a_word_and_a_size(axes, shape, text):
    assert axes_text(weight(axes, shape)) == text


def test_axes_as_data():
    assert axes_of(weight("input|recurrent z|r|h:units", (2, 9))) == [
        ("", 2, ["input", "recurrent"]), ("units", 9, ["z", "r", "h"])]
    assert axes_of(weight("in units", (3,))) is None


@pytest.mark.parametrize(("shape", "text", "listed"), [
    ((None, 32), "(None, 32)", [None, 32]),
    ((None,), "(None,)", [None]),
    ([(None, 2), (None, 3)], "(None, 2), (None, 3)", [[None, 2], [None, 3]]),
    ([(None, 2), None], "(None, 2), (unknown)", [[None, 2], None]),
    ({"b": (1,), "a": (2,)}, "(2,), (1,)", {"b": [1], "a": [2]}),
    (None, "(unknown)", None),
])
def test_shapes(shape, text, listed):
    assert shape_text(shape) == text
    assert shape_list(shape) == listed


def test_two_numbers_get_the_digits_that_tell_them_apart():
    assert apart(0.5, 0.25) == ("0.5", "0.25")
    assert apart(0.12345678, 0.12345679) == ("0.12345678", "0.12345679")
    one, other = apart(1.0, 1.0 + 2**-52)
    assert one != other
    assert apart(float("nan"), 1.0) == ("NaN", "1")


def test_counted():
    assert counted(1, "layer") == "1 layer"
    assert counted(2000, "layer") == "2,000 layers"


@pytest.mark.parametrize(("raw", "safe"), [
    ("dense_1", "dense_1"),
    ("größe × 2", "größe × 2"),
    ("\x1b[31m", "\\x1b[31m"),
    ("a\nb\r\tc\x7f", "a\\nb\\r\\tc\\x7f"),
    ("\x9b31m", "\\x9b31m"),
    ("\u202egnp.exe", "\\u202egnp.exe"),
    ("\u2028", "\\u2028"),
    ("\ud800", "\\ud800"),
])
def test_no_control_character_reaches_a_terminal(raw, safe):
    assert printable(raw) == safe
    assert printable(raw).isprintable()


def test_near_names():
    assert did_you_mean("dens", ["dense", "lstm"]) == " Did you mean dense?"
    assert did_you_mean("dens", ["dense\x1b", "lstm"]) == " Did you mean dense\\x1b?"
    assert did_you_mean("zzz", ["dense"]) == ""
