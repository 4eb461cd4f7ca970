# Two commands do everything on a machine with Python 3.11 or newer: `make demo` and `make test`.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo review test lint format bench native clean help

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: $(BIN)/.user  ## the whole pipeline on the invented sample site, offline
	@$(BIN)/python -m sample.demo

review: $(BIN)/.user  ## JupyterLab with the review notebook
	@$(BIN)/jupyter lab data_viewer.ipynb

test: $(BIN)/.dev  ## all tests
	@$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

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

clean:  ## remove what the tests made, and the virtual environment; demo/ stays, for it may hold your judgements
	rm -rf .venv build screenshots .pytest_cache .mypy_cache .ruff_cache .hypothesis

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
