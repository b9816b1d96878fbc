"""The folder of real public model files beside the repository, where there is one."""

import csv
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared" / "real_models"


def rows_of(folder):
    """Return a dict for each file that the folder's manifest names; none where there is no manifest."""
    manifest = folder / "manifest.tsv"
    return list(csv.DictReader(manifest.read_text().splitlines(), delimiter="\t")) if manifest.exists() else []


ROWS = rows_of(FOLDER)


def each_real_file(rows=ROWS):
    """Decorator: run the test for each row of the manifest, or skip it where the folder is absent."""
    if not ROWS:
        return pytest.mark.skip(reason="the folder of real models is not here")
    return pytest.mark.parametrize("row", rows, ids=lambda row: row["file"])
