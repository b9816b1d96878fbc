"""Numbers as people write them: tables of a ``.csv``, and lists of lists in JSON, in a file or on the command line."""

import json
import re

import numpy as np

from weightscope.errors import Unreadable
from weightscope.model.structure import flatten

TABLE, JSON = ".csv", ".json"
_SEPARATORS = ",;\t"


def is_json(text):
    """Tell whether a text begins as a list, or a mapping, in JSON does."""
    return text.lstrip().startswith(("[", "{"))


def of_json(text):
    """Return ``{name: array}`` of a mapping of lists in JSON, or a single list as an array under ``""``.

    Raises Unreadable for what is none, and for lists that make no array.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"is no JSON: {error or 'it is nested too deeply'}") from error
    return {name: _array(items) for name, items in (found if isinstance(found, dict) else {"": found}).items()}


def _array(items):
    try:
        array = np.array(items)
    except ValueError as error:
        raise Unreadable("its lists have different lengths, or depths, where they are to be the rows of an array"
                         ) from error
    mixed = array.dtype.kind == "U" and not all(isinstance(item, str) for item in flatten(items))
    if mixed or array.dtype.kind not in "biufU":
        raise Unreadable("its lists should hold numbers alone, or texts alone")
    return array


def of_table(text):
    """Return the numbers of a table as an array (rows, columns): of int64 where all of them are whole, else float64.

    Cells are apart by commas, semicolons, tabs or blanks; a head of names, blank lines, and lines that begin with ``#``
    are no rows. Raises Unreadable for anything else that is no number, and for rows of different lengths.
    """
    rows = rows_of(text)
    whole = not any(re.search("[.eEnN]", cell) for row in rows for cell in row)
    try:
        return np.array(rows, np.int64 if whole else np.float64)
    except (ValueError, OverflowError):
        return np.array([[float(cell) for cell in row] for row in rows])


def rows_of(text):
    """Return the cells of a table as texts, a list for each row; Unreadable for what is no number, or no table."""
    numbered = [(number, line.strip()) for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1)]
    lines = [(number, line) for number, line in numbered if line and not line.startswith("#")]
    separator = next((mark for mark in _SEPARATORS if any(mark in line for _, line in lines[:2])), None)
    rows = [(number, _cells(line, separator)) for number, line in lines]
    if rows and not any(map(_is_number, rows[0][1])):
        del rows[0]  # names of columns
    if not rows:
        raise Unreadable("holds no numbers")
    for number, row in rows:
        wrong = next((cell for cell in row if not _is_number(cell)), None)
        if wrong is not None:
            raise Unreadable(f"line {number}: {wrong[:40]!r} is no number")
        if len(row) != len(rows[0][1]):
            raise Unreadable(f"line {number} has {len(row)} numbers, line {rows[0][0]} has {len(rows[0][1])}")
    return [row for _, row in rows]


def _cells(line, separator):
    cells = line.rstrip(separator).split(separator) if separator else line.split()
    return [cell.strip().strip('"') for cell in cells]


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True
