# Everything a person does here; `make` alone lists it.

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Processes that run the tests, two of which start workers and brokers: see tests/lanes.py.
WORKERS ?= 3
# The first Python of 3.11 or later that can make an environment; 3.11 first, since the lock files
# are tried with it.
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13; do \
	"$$python" -c '$(USABLE)' >/dev/null 2>&1 && { echo "$$python"; break; }; done)
SOURCES := driftlog detectors stream producers api demo compose grafana tests benchmarks
PACKAGES = $(wildcard $(SOURCES))
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --extra server --extra demo \
	--generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev demo test lint format bench chaos observability screenshots docs grafana-schema lock audit clean

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo 'Options go in ARGS, as in: make demo ARGS=--serve'

setup: $(VENV)/.driftlog ## Install what the demo needs into .venv, as pinned in requirements.lock

setup-dev: $(VENV)/.driftlog-dev ## The same with what tests and checks need

demo: $(VENV)/.driftlog ## Show it all: service, worker, drift, alerts (about three minutes)
	@$(BIN)/driftlog demo $(ARGS)

test: $(VENV)/.driftlog-dev ## Run the tests; with Java and Maven also those on a real Apache Kafka
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(VENV)/.driftlog-dev ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict $(PACKAGES)

format: $(VENV)/.driftlog-dev ## Format the code, and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.driftlog-dev ## Measure speed, as ratios to a bare consumer and to peers
	@for file in benchmarks/[a-z]*.py; do module=$${file%.py}; \
		grep -q '__main__' $$file || continue; echo "== $$module"; \
		$(BIN)/python -m "$$(echo $$module | tr / .)" $(ARGS) || exit 1; done
	@echo "== benchmarks/quality, in its quick form"
	$(BIN)/python -m benchmarks.quality --quick

chaos: $(VENV)/.driftlog-dev ## Do to it what production does (ARGS=--list shows what; all takes hours)
	$(BIN)/python -m tests.chaos $(ARGS)

observability: $(VENV)/.driftlog-dev ## Try rules, routing and dashboards with a real Prometheus and its tools
	$(BIN)/python -m pytest -q tests/observability $(ARGS)

screenshots: $(VENV)/.driftlog-dev ## Photograph the console over a real worker, into docs/pictures (needs chromium)
	$(BIN)/python -m tests.console.screenshots

docs: $(VENV)/.driftlog-dev ## Write tables, Grafana's dashboards and Kubernetes' manifests anew from the code
	$(BIN)/python -m tests.architecture.generated_tables
	$(BIN)/python -m grafana
	$(BIN)/python -m compose.kubernetes

grafana-schema: ## Make the schemas of dashboards anew from Grafana's types (needs npm)
	tests/observability/schema/renew.sh

lock: $(VENV)/.driftlog-dev ## Renew the lock files (ARGS=--upgrade takes the newest versions)
	$(COMPILE) $(ARGS) --output-file requirements.lock pyproject.toml
	@# What both have keeps its version, and need not be looked up twice.
	cp requirements.lock requirements-dev.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"], sep="\n")' > dev.in
	$(COMPILE) --output-file requirements-dev.lock pyproject.toml dev.in
	rm dev.in

audit: $(VENV)/.driftlog-dev ## Look the lock file up in a copy of the advisories (ADVISORIES=folder, see SECURITY.md)
	$(BIN)/python -m tests.architecture.audit "$(ADVISORIES)" $(ARGS)

clean: ## Remove what builds, tests and checks have left; .venv stays
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(PACKAGES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "driftlog needs Python 3.11 or later with venv, and found none:" \
		"install python3.11 and python3.11-venv, or name one (make setup PYTHON=/path/to/python)"; exit 1; }
	@"$(PYTHON)" -c '$(USABLE)' || { echo "driftlog needs Python 3.11 or later with venv, not" \
		"$(PYTHON): name another one (make setup PYTHON=/path/to/python)"; exit 1; }
	"$(PYTHON)" -m venv $(VENV)

# The stamps make the second call quick; pip itself looks at every line of the lock.
$(VENV)/.driftlog: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.driftlog-dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@ $(VENV)/.driftlog
