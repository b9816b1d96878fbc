# make demo   inspect and verify a sample model
# make test   all tests, Keras included
# make quick  the tests that need no Keras, on a machine without it
# make check  ruff, mypy, the floors, fresh pages
# make samples, make bench
# make bench-verdict   faults injected into models: how many are found, named, and falsely alarmed about
# make real   counts over a folder of public model files, for docs/files.md: REAL=folder
# make soak   many more of the seeds that make test takes a few of, random models, keras.applications: SOAK='--examples 1000 --seed 7'
# make mutants   small faults put into the code: how many the tests notice: MUTANTS='--count 20 --seed 3'
# make fuzz   damaged files given to the commands: N=2000 of them, FUZZ='--seed 7 --kind scan'
PYTHON ?= python3
N ?= 2000
# An editable install compiles nothing, and some machines keep Python from doing so at the first run: hence compileall.
VENV := .venv
LIGHT := .venv-light
BIN := $(VENV)/bin
ENDLESS := tests/files/test_fuzz.py tests/opening/test_hostile_configs.py tests/test_random_models.py tests/verdict/test_budgets.py
PIP := -m pip install --quiet --disable-pip-version-check

.PHONY: demo test quick check samples bench bench-verdict real soak mutants fuzz clean

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) -e '.[test,check]'
	$(BIN)/python -m compileall -q weightscope
	touch $@

$(LIGHT)/.ready: pyproject.toml
	$(PYTHON) -m venv $(LIGHT)
	$(LIGHT)/bin/python $(PIP) -e . pytest hypothesis
	touch $@

$(VENV)/.samples: $(VENV)/.ready
	$(BIN)/python $(PIP) -e '.[samples]'
	touch $@

demo: $(VENV)/.ready
	$(BIN)/weightscope inspect sample_models/xor.h5
	$(BIN)/weightscope predict sample_models/xor.h5 --input sample_models/xor_input.npy
	$(BIN)/weightscope verify sample_models/xor.h5 --input sample_models/xor_input.npy

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

quick: $(LIGHT)/.ready
	$(LIGHT)/bin/python -m pytest -m 'not keras'

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_floors.py tests/test_start.py tests/test_readme.py

samples: $(VENV)/.samples
	$(BIN)/python sample_models/build.py

bench: $(VENV)/.ready
	$(BIN)/python tests/bench.py

soak: $(VENV)/.ready
	WEIGHTSCOPE_SOAK=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(ENDLESS)
	$(BIN)/python tests/soak.py $(SOAK)

mutants: $(VENV)/.ready
	$(BIN)/python tests/mutants.py $(MUTANTS)

fuzz: $(VENV)/.ready
	nice $(BIN)/python tests/fuzz.py --count $(N) $(FUZZ)

bench-verdict: $(VENV)/.ready
	$(BIN)/python tests/bench_verdict.py $(VERDICT)

real: $(VENV)/.ready
	$(BIN)/python tests/real_models_table.py $(REAL)

clean:
	rm -rf $(VENV) $(LIGHT) .pytest_cache .ruff_cache .mypy_cache .hypothesis
