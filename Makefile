# The verbs of the project; the same ones run in CI. Each makes .venv first where it is needed.
.DEFAULT_GOAL := help
PYTHON ?= python3
WORKERS ?= 3
PROPERTIES ?= tests/unit/escalator tests/unit/policy
SEED ?= $(shell date +%s)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist worksteal
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url

.PHONY: help setup demo up down test check fix unit integration e2e chaos properties bench screenshots schemas lock

help:  ## Say what each verb does
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\n  PYTHON=python3.12 picks the interpreter, WORKERS=4 how many tests run at a time.\n'

setup: $(READY)  ## Make .venv with exactly the locked requirements; needs Python 3.11 or newer

$(READY): requirements/uv.txt requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/dev.txt
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	@touch $@

demo: $(READY)  ## Show the whole system at work on a recorded history (DEMO_ARGS="--days 2 --exit")
	$(BIN)/tierline demo $(DEMO_ARGS)

up: $(READY)  ## Run the whole system on this machine until Ctrl-C, without containers (UP_ARGS=…)
	$(BIN)/tierline up $(UP_ARGS)

down:  ## Stop what `docker compose up` started here; its data stays
	docker compose down

test: check  ## Everything that must hold: the checks, then every test against real servers
	$(PYTEST) --ignore=tests/architecture

check: $(READY)  ## Formatting, lint, types, layers, the house's own rules; seconds, no server
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/tierline schemas check
	$(PYTEST) -q tests/architecture

fix: $(READY)  ## Repair what a tool can repair: imports, formatting, simple lint
	$(BIN)/ruff check --fix -q .
	$(BIN)/ruff format -q .

unit: $(READY)  ## Only the tests that need no server: pure cores, contract, policy, hard cases
	$(PYTEST) -q tests/unit tests/cases

integration: $(READY)  ## Only the tests of one part against one real Kafka or Postgres
	$(PYTEST) -q tests/integration

e2e: $(READY)  ## Only the tests of the whole system, from an HTTP request to a delivered notice
	$(PYTEST) -q tests/e2e

chaos: $(READY)  ## Kill, pause and cut off services and servers, and count what was lost: nothing
	$(PYTEST) -q tests/chaos

properties: $(READY)  ## The property tests with many more examples, 200,000 steps of the engine (SEED=7)
	$(PYTEST) -q --timeout=1200 -m hypothesis --hypothesis-profile=properties --hypothesis-seed=$(SEED) $(PROPERTIES)

bench: $(READY)  ## Measure against a bare baseline on the same servers (BENCH="intake escalator")
	$(BIN)/python -m tests.bench.run $(BENCH)

screenshots: $(READY)  ## Take pictures of the board and the pages, in both themes (FOLDER=build/screenshots)
	$(BIN)/python -m tests.support.screenshots $(or $(FOLDER),build/screenshots)

schemas: $(READY)  ## Write schemas/ and docs/events.md anew from the code
	$(BIN)/tierline schemas write

lock: $(READY)  ## Lock the requirements anew, with hashes and without index addresses
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) --all-extras pyproject.toml -o requirements/dev.txt
	$(COMPILE) requirements/uv.in -o requirements/uv.txt
