"""The catalogue: every code that the program knows is in it, and what it says can be said."""

import re
from pathlib import Path

import weightscope
from weightscope.checking import catalogue
from weightscope.checking.catalogue import ERROR, HAZARDS, NOTE, SEVERITIES, WARNING, Finding, errors

ROOT = Path(weightscope.__file__).parent
FOUND = {code for path in ROOT.rglob("*.py") if path.name != "catalogue.py"
         for code in re.findall(r'"(WS\d+)"', path.read_text())} | {catalogue.NEEDS_CODE}


def test_every_code_is_explained_and_every_explanation_found():
    assert set(HAZARDS) == FOUND
    assert all(re.fullmatch(r"WS4\d\d", code) for code in HAZARDS)


def test_each_says_how_bad_it_is_what_it_could_do_and_what_to_do():
    for hazard in HAZARDS.values():
        assert hazard.severity in SEVERITIES
        assert hazard.title and hazard.could and hazard.remedy
        assert "safe_mode" not in hazard.remedy and "unsafe" not in hazard.remedy


def test_findings():
    found = Finding("WS402", "config.json config.layers[1]", "names the function f", "my.f")
    assert found.line() == "names the function f, at config.json config.layers[1]"
    assert found.remedy == "--allow-function my.f if you trust it"
    assert Finding("WS421", "../a", "member '../a' leads out").line() == "member '../a' leads out"
    assert Finding("WS461", "", "is a pickle").line() == "is a pickle"
    assert {HAZARDS[code].severity for code in ("WS402", "WS404", "WS462")} == {ERROR, WARNING, NOTE}
    assert errors([found, Finding("WS404", "", ""), Finding("WS462", "", "")]) == [found]
