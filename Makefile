# Two commands do everything on a machine with Python 3.11 or newer: `make demo` and `make test`.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo review test test-all lint format bench native clean help

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: $(BIN)/.user  ## the whole pipeline on the invented sample site, offline
	@$(BIN)/python -m sample.demo

review: $(BIN)/.user  ## JupyterLab with the review notebook
	@$(BIN)/jupyter lab data_viewer.ipynb

# A file's tests stay in one process, which makes their servers and models once.
PYTEST := $(BIN)/python -m pytest -q -r s -n auto --maxprocesses 4 --dist loadfile

test: $(BIN)/.dev  ## the tests to run before each commit, some minutes
	@$(PYTEST) -m "not slow"

test-all: $(BIN)/.dev  ## all tests, with the slowest ten
	@$(PYTEST) --durations 10

lint: $(BIN)/.dev  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(BIN)/.dev  ## put all code into ruff's form
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

bench: native  ## measure, compiled; see benchmarks/README.md
	@$(BIN)/python -m benchmarks

native: $(BIN)/.dev  ## compile the Markdown writer, which takes 0.6 of the time then; needs a C compiler
	@$(BIN)/python -m stackdump.native

clean:  ## remove what the demo and the tests made, and the virtual environment
	rm -rf .venv build demo screenshots .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "no virtual environment could be made; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(BIN)/.user: $(BIN)/python requirements.txt
	@echo "installing the requirements into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(BIN)/.dev: $(BIN)/.user requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
