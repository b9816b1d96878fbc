"""The READMEs and pages: every command documented, what they show is what is printed, their code runs, links lead."""

import ast
import doctest
import re
import shutil
import subprocess

import numpy as np
import pytest
from fresh_readme import BLOCK, DOCS, LISTED, MEANT, PAGES, ROOT, TABLE, commands, fresh, hazards, meanings
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
    shown = commands((DOCS / "commands.md").read_text())
    assert f"weightscope {name} --help" in shown


def pages(*kinds):
    """Parametrize by the pages that have something of a kind in them: patterns."""
    found = [path for path in PAGES if any(re.search(kind, path.read_text()) for kind in kinds)]
    assert found
    return pytest.mark.parametrize("path", found, ids=lambda path: str(path.relative_to(ROOT)))


@pytest.mark.keras
@pages(BLOCK, TABLE)
def test_shown_output_is_fresh(path, monkeypatch):
    for name, value in READY.environment().items():
        monkeypatch.setenv(name, value)
    pytest.importorskip("keras")
    text = path.read_text()
    assert masked(fresh(text)) == masked(text)


def test_what_a_referee_takes_otherwise_is_listed():
    found, = MEANT.findall((DOCS / "files.md").read_text())
    assert found == meanings()


def test_every_hazard_is_listed():
    found, = LISTED.findall((DOCS / "security.md").read_text())
    assert found == hazards()


@pages(r"```python\n")
def test_python_blocks_run(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)
    assert blocks
    space = {}
    for block in blocks:
        exec(compile(block, str(path), "exec"), space)


@pages(r"```pycon\n")
def test_sessions_show_what_python_shows(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("COLUMNS", raising=False)
    runner = doctest.DocTestRunner(verbose=False)
    for block in re.findall(r"```pycon\n(.*?)```", path.read_text(), re.DOTALL):
        told = []
        runner.run(doctest.DocTestParser().get_doctest(block, {}, path.name, str(path), 0), out=told.append)
        assert not told, "".join(told)


def test_every_public_name_is_documented():
    page = (DOCS / "python.md").read_text()
    assert not [name for name in weightscope.__all__ if f"`{name}`" not in page]
    told = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE))
    found = {name: kind.exit_code for name, kind in vars(errors).items() if name in told}
    assert {name: int(status) for name, status in told.items()} == found and len(found) > 5


@pages(r"\]\((?!http)")
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\((?!http)([^)]*)\)", path.read_text()):
        name, _, anchor = link.partition("#")
        page = path.parent / name if name else path
        assert page.exists(), link
        headings = re.findall(r"^#+ (.*)$", page.read_text().lower(), re.MULTILINE) if anchor else []
        anchors = [re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings]
        assert not anchor or anchor in anchors, link


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_what_is_written_in_c_keeps_a_layer(tmp_path):
    code, = re.findall(r"```c\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "port").mkdir()
    (tmp_path / "port.c").write_text(f"{code}\nint main(void) {{ float x[] = {{1, -2.5f, 3}}; keep(\"d\", x, 3); }}\n")
    subprocess.run(["cc", "-Wall", "-Werror", "port.c", "-o", "run"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "run"], cwd=tmp_path, check=True)
    assert np.fromfile(tmp_path / "port" / "d.bin", "float32").tolist() == [1, -2.5, 3]


def test_the_python_of_the_package_is_that_of_the_versions_it_names():
    """Syntax alone, for each version that the metadata names: the tests run on one of them."""
    project = (ROOT / "pyproject.toml").read_text()
    named = [int(minor) for minor in re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', project)]
    assert f'requires-python = ">=3.{min(named)}"' in project
    for path in (ROOT / "weightscope").rglob("*.py"):
        for minor in named:
            ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, minor))
