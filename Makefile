# The verbs of the project; the same ones run in CI.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup test check fix unit integration lock schemas

help:  ## Say what each verb does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## Make .venv with the locked requirements

$(READY): requirements/uv.txt requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/dev.txt
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

test: check  ## Everything: the checks, then every test against real servers
	$(BIN)/pytest -n 2 -q

check: $(READY)  ## Formatting, lint, types and layers
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	$(BIN)/tierline schemas check

fix: $(READY)  ## Repair what a tool can repair
	$(BIN)/ruff format -q .
	$(BIN)/ruff check --fix -q .

unit: $(READY)  ## Only the tests that need no server
	$(BIN)/pytest -n 2 -q tests/unit tests/cases

integration: $(READY)  ## Only the tests of one shell against one real server
	$(BIN)/pytest -n 2 -q tests/integration

schemas: $(READY)  ## Write schemas/ and docs/events.md anew
	$(BIN)/tierline schemas write

lock: $(READY)  ## Lock the requirements anew, with hashes and without index addresses
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url pyproject.toml -o requirements/runtime.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --all-extras pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url requirements/uv.in -o requirements/uv.txt
