"""Arrays of text, as object arrays of bytes in UTF-8: what TensorFlow's string operations do to them.

Letters and blanks are ASCII's: ``tf.strings.lower`` and ``tf.strings.split`` leave all others alone, as bytes do.
"""

import string

import numpy as np

PUNCTUATION = string.punctuation.encode()


def as_bytes(x):
    """Return an array of text, of NumPy's str, bytes or object dtype, as an object array of bytes in UTF-8."""
    x = np.asarray(x)
    if x.dtype.kind not in "SUO":
        raise ValueError(f"text expected, got {x.dtype}")
    result = np.empty(x.shape, object)
    for index, text in np.ndenumerate(x):
        result[index] = text.encode() if isinstance(text, str) else bytes(text)
    return result


def of_numbers(x):
    """Return whole numbers as an object array of their decimal digits, in bytes."""
    result = np.empty(x.shape, object)
    for index, number in np.ndenumerate(x):
        result[index] = b"%d" % number
    return result


def standardized(text, how):
    """Return bytes in lower case, without punctuation, both or neither, as TextVectorization's ``standardize`` says."""
    if how in ("lower", "lower_and_strip_punctuation"):
        text = text.lower()
    if how in ("strip_punctuation", "lower_and_strip_punctuation"):
        text = text.translate(None, PUNCTUATION)
    return text


def characters(text):
    """Return the characters of bytes in UTF-8, each as bytes; what is no UTF-8 becomes U+FFFD."""
    return [character.encode() for character in text.decode("utf-8", "replace")]


def ngrams(tokens, widths):
    """Return all runs of ``width`` tokens, joined by a blank, first those of the first width, then the next.

    Raises ValueError for a width below 1.
    """
    if any(width < 1 for width in widths):
        raise ValueError(f"runs of {min(widths)} tokens")
    return [b" ".join(tokens[i:i + width]) for width in widths for i in range(len(tokens) - width + 1)]
