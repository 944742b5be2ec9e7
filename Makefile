# Two commands are enough on a fresh machine with Python 3.11 or newer:
#   make demo    the main job, offline and without a key: two verdicts on recorded outputs
#   make test    everything the project promises, tested
# Both make .venv themselves.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
WORKERS ?= 2

.PHONY: help demo ladder test check format docs bench simulate soak clean

help:            ## show this
	@grep -E '^[a-z]+: .*##|^[a-z]+:  +##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(VENV)/base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("evalharness needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=python3.12 or the like" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -qq -c constraints.txt -e .
	@touch $@

$(VENV)/dev: $(VENV)/base
	$(PIP) install -qq -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(VENV)/base   ## two verdicts on recorded outputs of real models, offline
	@$(BIN)/python examples/demo.py

$(VENV)/local: $(VENV)/base
	$(PIP) install -qq -c constraints.txt -e '.[local,rag]'
	@touch $@

ladder: $(VENV)/local   ## train a tiny model; prompt, examples, passages, tuning: which suffices?
	@$(BIN)/python examples/tiny_lora/ladder.py

test: $(VENV)/dev   ## lint, types, tests
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -n $(WORKERS) -m 'not slow and not live'

check: $(VENV)/dev   ## format, lint, types, in seconds
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/dev   ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/dev   ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

bench: $(VENV)/dev   ## every speed claim, measured now
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

simulate: $(VENV)/dev   ## the long simulations behind the statistics
	$(BIN)/python -m pytest -n $(WORKERS) -m slow tests/stats tests/stages

soak: $(VENV)/dev   ## the long runs: kills, leaks, hostile programs
	$(BIN)/python -m pytest -m slow tests/sandbox tests/clients tests/store tests/metrics

clean:           ## remove what the commands made
	rm -rf $(VENV) runs site .pytest_cache .mypy_cache .ruff_cache .hypothesis
