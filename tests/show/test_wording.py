"""How shapes, axes and numbers are written."""

import pytest

from weightscope.files.saved import Stored
from weightscope.model.layer import Weight
from weightscope.model.names import did_you_mean, printable
from weightscope.show.wording import (
    apart,
    axes_of,
    axes_text,
    counted,
    shape_list,
    shape_text,
    share_text,
    weight_text,
)


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
    ("in units", (1, 1), "(1 in × 1 unit)"),
    ("i|f|c|o:units", (4,), "(i|f|c|o: 1 unit)"),
    ("frequencies", (1,), "(1 frequency)"),
    ("in i|f|c|o:units", None, "(in × i|f|c|o: units)"),
])
def test_axes_have_a_word_and_a_size(axes, shape, text):
    assert axes_text(weight(axes, shape)) == text


@pytest.mark.parametrize(("axes", "shape", "text"), [
    ("in units", (2000, 32), "(2000, 32) = 2000 in × 32 units"),
    ("in i|f|c|o:units", (3, 16), "(3, 16) = 3 in × 4 gates of 4 units: i 0–3, f 4–7, c 8–11, o 12–15"),
    ("input|recurrent z|r|h:units", (2, 3), "(2, 3) = input|recurrent × 3 gates of 1 unit: z 0, r 1, h 2"),
    ("units", (1,), "(1,) = 1 unit"), ("", (3, 4), "(3, 4)"), ("", (), "() = a single number"),
    ("in units", (3, 4, 5), "(3, 4, 5)"),
])
def test_the_shape_beside_the_words(axes, shape, text):
    assert weight_text(weight(axes, shape)) == text


def test_where_gates_are_is_said_once():
    said = set()
    assert weight_text(weight("i|f:units", (4,)), said) == "(4,) = 2 gates of 2 units: i 0–1, f 2–3"
    assert weight_text(weight("in i|f:units", (1, 4)), said) == "(1, 4) = 1 in × 2 gates of 2 units"


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
    assert did_you_mean("max_pooling2d", ["MaxPooling2D", "Dense"]) == " Did you mean MaxPooling2D?"
    assert did_you_mean("DENSE", ["dense", "Dense"]) == " Did you mean dense or Dense?"


@pytest.mark.parametrize(("share", "text"), [
    (0.0, "0%"), (1e-9, "<1%"), (0.0099, "<1%"), (0.01, "1%"), (0.126, "13%"), (0.999, "99%"), (1.0, "100%"),
    (1.0001, "101%"), (5.23, "523%"), (10.0, "1000%"), (10.1, "over 1000%"), (77.52, "over 1000%"),
    (2e38, "over 1000%"), (float("inf"), "over 1000%"), (float("nan"), "over 1000%"),
])
def test_a_share_is_in_percent_and_never_looks_like_the_other_side_of_all_of_it(share, text):
    assert share_text(share) == text
