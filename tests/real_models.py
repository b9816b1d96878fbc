"""The folder of real public model files beside the repository, where there is one."""

import csv
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared" / "real_models"
MANIFEST = FOLDER / "manifest.tsv"
ROWS = list(csv.DictReader(MANIFEST.open(), delimiter="\t")) if MANIFEST.exists() else []


def each_real_file(rows=ROWS):
    """Decorator: run the test for each row of the manifest, or skip it where the folder is absent."""
    if not ROWS:
        return pytest.mark.skip(reason="the folder of real models is not here")
    return pytest.mark.parametrize("row", rows, ids=lambda row: row["file"])
