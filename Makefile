# Each target does its own set-up. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
export PYTHONPATH := functions:glue:.
# some machines forbid it, and each process would compile anew what it imports
export PYTHONDONTWRITEBYTECODE :=
# a process a core; what shares a stack or a Spark session has one process (tests/conftest.py)
PYTEST := .venv/bin/pytest --numprocesses auto --no-loadscope-reorder
# and one more, where many tests wait for servers
WAITING := --numprocesses $$(( $$(getconf _NPROCESSORS_ONLN) + 1 ))

# a core each, and what waits for a network beside them
AT_ONCE := $(MAKE) --no-print-directory --jobs=3

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv with the locked packages (the other targets do it themselves)
	@tools/setup.sh

demo: setup ## the whole pipeline on this machine: no account, no Docker
	@$(PYTHON) -m local.demo

run: setup ## one run against your own server: make run FEED=feed.yaml LAKE=dir [SECRETS=secrets.yaml]
	@[ -n "$(LAKE)" ] || { echo "make run: LAKE is missing; name the folder the lake is to be kept in." >&2; exit 2; }
	@$(PYTHON) -m cli run $(if $(FEED),"$(FEED)") --lake "$(LAKE)" $(if $(SECRETS),--secrets "$(SECRETS)")

local: setup ## keep AWS on loopback running, with partners' servers and example feeds: make local [HOST=address]
	@$(PYTHON) -m local.keep $(if $(HOST),--host $(HOST))

check: setup ## formatting, types, floors, template, words
	@$(AT_ONCE) code templates

code: setup
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy

templates: setup
	@tools/templates.sh
	@found=$$(.venv/bin/lint-imports --no-cache --no-logo) || { echo "$$found"; exit 1; }
	@$(PYTHON) tools/prose.py

servers:
	@tools/install-servers.sh

test: setup ## everything, against real servers
	@$(AT_ONCE) code templates servers
# twice, since the local AWS changes moto in its processes: what does not need it is tested over moto as it is
	@$(PYTEST) $(WAITING) tests/benchmarks tests/contract tests/faults tests/unit
	@$(PYTEST) tests/local tests/glue tests/e2e tests/journeys

test-fast: setup ## what takes three minutes: units, and how template, state machine, servers and docs fit together
	@$(PYTEST) $(WAITING) -m "not slow" tests/contract tests/unit

test-engines: setup ## what differs from make test with all partitions Spark's, and with all small ones Arrow's
	@LAKEFERRY_ENGINE=spark $(PYTEST) --where-engines-differ tests/local tests/glue tests/e2e tests/journeys
	@LAKEFERRY_ENGINE=small $(PYTEST) --where-engines-differ tests/local tests/glue tests/e2e tests/journeys

bench: setup ## benchmarks: memory, and rates as ratios to peers; writes benchmarks/RESULTS.md and plots
	@.venv/bin/uv pip install --quiet --python $(PYTHON) --require-hashes -r requirements/bench.txt
	@[ -d .cache/dlt ] || .venv/bin/uv venv --quiet .cache/dlt
	@.venv/bin/uv pip install --quiet --python .cache/dlt/bin/python --require-hashes -r requirements/bench-dlt.txt
	@tools/install-servers.sh --peers
	@$(PYTHON) -m benchmarks.reporting

build: ## sam build for the Lambda runtime and architecture, no Docker
	@LAKEFERRY_STAGE=$(or $(STAGE),default) tools/build.sh

deploy: build ## sam deploy with samconfig.toml
	@tools/deploy.sh $(or $(STAGE),default)

docs: setup ## the docs site into .site/, every link checked; no network
	@tools/docs.sh

release: setup ## version, changelog, deployable package and its list of packages: make release VERSION=1.2.0
	@tools/release.sh $(VERSION)

lock: setup ## make the lock files anew
	@tools/lock.sh

.PHONY: help setup demo run local check code templates servers test test-fast test-engines bench build deploy docs release lock
