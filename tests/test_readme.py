"""The READMEs: every command documented, what they show is what is printed, their Python runs."""

import re

import pytest
from fresh_readme import READMES, ROOT, commands, fresh

from weightscope.cli import main


def masked(text):
    """Hide what another processor rounds otherwise: differences, and the last digits of long numbers."""
    column = r" +(-|0|<?[\d.]+%|[\d.]+e[-+]\d+|here|before|×[\d.e+]+)"
    text = re.sub(rf"({column}){{5}}(?=  agrees)", " #", text)
    text = re.sub(r"^(same function|within rounding): yes; .*(\n  .*)*", r"\1: yes; #", text, flags=re.M)
    text = re.sub(r"^chained: .*(\n  .*)*\n", "", text, flags=re.M)
    return re.sub(r"-?\d+\.\d{4,}(e[-+]\d+)?", lambda number: f"{float(number[0]):.3g}", text)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_is_documented(name):
    shown = commands((ROOT / "README.md").read_text())
    assert f"weightscope {name} --help" in shown


@pytest.mark.keras
@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_shown_output_is_fresh(path):
    pytest.importorskip("keras")
    text = path.read_text()
    assert commands(text)
    assert masked(fresh(text)) == masked(text)


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_blocks_run(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)
    assert blocks
    space = {}
    for block in blocks:
        exec(compile(block, str(path), "exec"), space)
