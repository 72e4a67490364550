# make demo: set up, super-resolve a synthetic scene, leave a picture and numbers in demo-out/
# make test: set up, then style, types, architecture and tests, on every core
# make quick: in a minute, style, architecture and the tests of everything that computes, writes one scene or prints
# make setup: only set up .venv

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
QUICK := tests/test_house.py $(addprefix tests/,cube datasets degradation diffusion metrics model report spectral) \
	tests/io/test_round_trip.py tests/cli/test_commands.py

.PHONY: demo test quick setup format clean

demo: setup
	$(BIN)/shsrd demo demo-out

test: setup
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal --durations=10

quick: setup
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/lint-imports --no-cache
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not slow and not data" $(QUICK)

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "shsrd needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

format:
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

clean:
	rm -rf $(VENV) demo-out .mypy_cache .ruff_cache .pytest_cache
