# With Python 3.11 or newer, two commands are enough: `make demo` and `make test`.

PYTHON ?= python3
BIN := .venv/bin
QUIET := --quiet --disable-pip-version-check
# The tests of a file run in one process, so their servers and models are made once; tests/conftest.py orders the files.
PYTEST_FLAGS := -q -r s -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: demo review test test-all lint format screenshots bench upgrade test-resolution clean help

help:  ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

demo: $(BIN)/.user  ## run the whole pipeline on the invented sample site, offline
	@$(BIN)/python -m stackdump.native || true
	@$(BIN)/python -m sample.demo

review: $(BIN)/.user  ## open the review notebook in JupyterLab
	@$(BIN)/jupyter lab data_viewer.ipynb

test: $(BIN)/.dev  ## run the tests, except the slow ones; takes some minutes
	@$(BIN)/python -m pytest $(PYTEST_FLAGS) -m "not slow"

test-all: $(BIN)/.dev  ## run all tests, and list the ten slowest
	@$(BIN)/python -m pytest $(PYTEST_FLAGS) --durations 10

lint: $(BIN)/.dev  ## check the code with ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(BIN)/.dev  ## format the code with ruff
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

screenshots: $(BIN)/.dev  ## take the README's screenshot in a browser
	@BROWSER_TESTS=required $(BIN)/python -m pytest -q tests/test_viewer_browser.py -k picture_of_the_readme
	@mkdir -p docs/img && cp screenshots/viewer.png docs/img/

bench: $(BIN)/.dev  ## run the benchmarks, compiled; see benchmarks/README.md
	@$(BIN)/python -m stackdump.native
	@$(BIN)/python -m benchmarks

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --no-emit-package torch --custom-compile-command 'make upgrade' -c requirements/torch.txt

upgrade: $(BIN)/.dev  ## lock the newest versions that pyproject.toml allows, and run all tests with them
	@$(COMPILE) pyproject.toml --all-extras --group dev --upgrade -o requirements/dev.txt
	@$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements.txt
	@$(COMPILE) --group native -c requirements/dev.txt -o requirements/native.txt
	@for extra in cluster finetune generate plots push tokenizer; do \
	  $(COMPILE) pyproject.toml --extra $$extra -c requirements/dev.txt -o requirements/$$extra.txt || exit; \
	done
	@$(MAKE) test-all

RESOLUTION ?= highest
RESOLVED = build/$(RESOLUTION)

test-resolution: $(BIN)/.dev  ## test with the highest or lowest versions allowed (RESOLUTION=highest or lowest-direct)
	@rm -rf $(RESOLVED)
	@$(PYTHON) -m venv $(RESOLVED)
	@$(COMPILE) pyproject.toml --all-extras --group dev --resolution $(RESOLUTION) -o $(RESOLVED)/requirements.txt
	@grep == $(RESOLVED)/requirements.txt | tr -d '\\'
	@$(RESOLVED)/bin/python -m pip install $(QUIET) --no-deps -r $(RESOLVED)/requirements.txt
	@$(RESOLVED)/bin/python -m pip install $(QUIET) -r requirements/torch.txt
	@$(RESOLVED)/bin/python -m pytest $(PYTEST_FLAGS)

clean:  ## remove test output and the virtual environment, but not demo/, which may contain your judgements
	rm -rf .venv build screenshots .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "could not create a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(BIN)/.user: $(BIN)/python requirements.txt requirements/native.txt
	@echo "installing the requirements into .venv"
	@$(BIN)/python -m pip install $(QUIET) -r requirements.txt -r requirements/native.txt
	@touch $@

# --no-deps: the lock is complete except for torch, which some of its packages need and the next line installs.
$(BIN)/.dev: $(BIN)/.user requirements/dev.txt requirements/torch.txt
	@$(BIN)/python -m pip install $(QUIET) --no-deps -r requirements/dev.txt
	@$(BIN)/python -m pip install $(QUIET) -r requirements/torch.txt
	@touch $@
