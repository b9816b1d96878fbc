"""The READMEs: every command documented, what they show is what is printed, their Python runs."""

import doctest
import re

import pytest
from fresh_readme import MEANT, READMES, ROOT, commands, fresh, meanings
from ready_children import READY

import weightscope
from weightscope import errors
from weightscope.cli import main


def masked(text):
    """Hide what another processor rounds otherwise: differences, and the last digits of long numbers."""
    column = r" +(-|0|<?\d+%|[\d.]+e[-+]\d+)"
    text = re.sub(rf"({column}){{3}}(?=  agrees)", " #", text)
    text = re.sub(r"^(same function|within rounding): yes; .*(\n  .*)*", r"\1: yes; #", text, flags=re.M)
    text = re.sub(r"^total error: .*(\n  .*)*\n", "", text, flags=re.M)
    return re.sub(r"-?\d+\.\d{4,}(e[-+]\d+)?", lambda number: f"{float(number[0]):.3g}", text)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_is_documented(name):
    shown = commands((ROOT / "README.md").read_text())
    assert f"weightscope {name} --help" in shown


@pytest.mark.keras
@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_shown_output_is_fresh(path, monkeypatch):
    for name, value in READY.environment().items():
        monkeypatch.setenv(name, value)
    pytest.importorskip("keras")
    text = path.read_text()
    assert commands(text)
    assert masked(fresh(text)) == masked(text)


def test_what_a_referee_takes_otherwise_is_listed():
    found, = MEANT.findall((ROOT / "README.md").read_text())
    assert found == meanings()


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_blocks_run(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)
    assert blocks
    space = {}
    for block in blocks:
        exec(compile(block, str(path), "exec"), space)


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sessions_show_what_python_shows(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("COLUMNS", raising=False)
    runner = doctest.DocTestRunner(verbose=False)
    for block in re.findall(r"```pycon\n(.*?)```", path.read_text(), re.DOTALL):
        told = []
        runner.run(doctest.DocTestParser().get_doctest(block, {}, path.name, str(path), 0), out=told.append)
        assert not told, "".join(told)


def test_every_public_name_is_documented():
    text = (ROOT / "README.md").read_text()
    section = text[text.index("## In Python"):text.index("## Layers")]
    assert not [name for name in weightscope.__all__ if f"`{name}`" not in section]
    told = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", section, re.MULTILINE))
    found = {name: kind.exit_code for name, kind in vars(errors).items() if name in told}
    assert {name: int(status) for name, status in told.items()} == found and len(found) > 5
