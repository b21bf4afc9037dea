# Every task of the project in one word; each sets up what it needs in .venv by itself.

VENV := .venv
BIN := $(VENV)/bin
RUN_READY := $(VENV)/.run-ready
DEV_READY := $(VENV)/.dev-ready
JOBS ?= 2

.PHONY: help run demo-cloud check test test-asyncio test-uvloop crashes chaos soak faults bench coverage format clean

help:
	@echo "make run         try it out: a bridge with sample mail, on 127.0.0.1"
	@echo "make demo-cloud  enrol an account of an imitated Microsoft 365 or Gmail, without a tenant"
	@echo "make check       format, lint, types, floors, docs in step with the code"
	@echo "make test        the whole suite, on stock asyncio and on uvloop"
	@echo "make crashes     kill it at every step of everything it does, and count"
	@echo "make chaos       thousands of steps against a model: SEED= STEPS= UPSTREAM=memory|folder|microsoft|google"
	@echo "make soak        a bridge at work for a while, and whether it stays flat: MINUTES= DEVICES="
	@echo "make faults      every fault in every call upstream, written to docs/faults.md"
	@echo "make bench       every figure of docs/performance.md, beside Dovecot"
	@echo "make coverage    which lines no test runs"
	@echo "make format      lay the code out"
	@echo "make clean       remove what make has made, the demo included"

$(BIN)/python:
	@packaging/make-venv $(VENV)

$(RUN_READY): pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(DEV_READY): pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV) for development ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@ $(RUN_READY)

run: $(RUN_READY)
	@exec $(BIN)/popbridge demo

demo-cloud: $(DEV_READY)
	@exec $(BIN)/python -m tests.demo_cloud

check: $(DEV_READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/test_house.py

test: test-asyncio test-uvloop

test-asyncio: $(DEV_READY)
	$(BIN)/pytest -q -n $(JOBS)

# What runs a loop of its own inside the tests; tests/system starts servers on both loops by itself.
test-uvloop: $(DEV_READY)
	$(BIN)/pytest -q -n $(JOBS) --event-loop uvloop tests/unit tests/contract

crashes: $(DEV_READY)
	$(BIN)/python -m pytest -q -n $(JOBS) -p tests.system.crash_table --every-step \
		$(if $(SITES),--write-crash-sites) tests/system/test_crashes.py

faults: $(DEV_READY)
	$(BIN)/python -m tests.faults.faults_page

bench: $(DEV_READY)
	$(BIN)/python tests/benchmarks/run.py

# Without a seed, one seed after the other; a failure prints the words that repeat it.
chaos: $(DEV_READY)
	@exec $(BIN)/python -m tests.chaos --upstream "$(or $(UPSTREAM),memory)" --steps "$(or $(STEPS),1000)" $(if $(SEED),--seed "$(SEED)")

soak: $(DEV_READY)
	@exec $(BIN)/python -m tests.soak --minutes "$(or $(MINUTES),10)" --devices "$(or $(DEVICES),50)"

coverage: $(DEV_READY)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q
	-$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --show-missing

format: $(DEV_READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) demo-state demo-cloud-state dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* .import_linter_cache
