# `make verify`, `make test` and `make vm` need nothing but make on a fresh Debian or Ubuntu: what is missing is installed
# when run as root, and named otherwise.
#
#   make verify ARGS="--mode sync --seed 7"     options for `acked verify`
#   make test PYTEST_ARGS="-k schema"           options for pytest
#   make test PYTHON=python3.12                 another Python (3.11 or newer)
#   make vm ARGS="--mode sync"                  the same as `make verify`, on three virtual machines (as root)

SHELL := /bin/bash
ARGS ?=
PYTEST_ARGS ?=
VENV := .venv
READY := $(VENV)/ready
RUN := $(VENV)/bin/python -m

.PHONY: verify test test-long mutation vm clean
.DELETE_ON_ERROR:

verify: $(READY)
	@.ci/host run
ifeq ($(shell id -u),0)
	$(RUN) harness verify $(ARGS)
else
	@echo "Not root: machines can't lose their power, so those cells are skipped, and left out (--allow-skipped)."
	$(RUN) harness verify --allow-skipped $(ARGS)
endif

test: $(READY)
	@.ci/host test
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) pytest $(PYTEST_ARGS)

# The zones of unique values against the search, on 100,000 histories.
test-long: $(READY)
	ACKED_HISTORIES=100000 $(RUN) pytest tests/checkers/linearizability/test_zones.py $(PYTEST_ARGS)

# How many small wrong changes of the checkers their tests notice: ARGS="--minutes 60 --only transactions".
mutation: $(READY)
	$(VENV)/bin/python tests/mutation/mutation.py $(ARGS)

vm: $(READY)
	@.ci/host vm
	@.ci/vm $(ARGS)

# Made anew whenever pyproject.toml is newer; one that was not finished is not ready.
$(READY): pyproject.toml
	@PYTHON="$(PYTHON)" .ci/host venv $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .cache build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
