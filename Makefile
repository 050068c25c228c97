# Every verb sets up what it needs: Python 3.11+ and make are enough.
PYTHON ?= python3
BIN := .venv/bin
# Three times as many as cores: many tests wait for something most of their time.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(3 * (os.cpu_count() or 1))')

# The tests start hundreds of processes: each would compile every module again.
export PYTHONDONTWRITEBYTECODE :=

PROTO := bot/sources/modl/protobuf

.PHONY: demo test lint proto translations pictures fuzz crowd repeats schema bench bench-short prove prove-controls clean

demo: .venv/installed  ## sandbox, bot and webhook in one process; no Discord account needed
	$(BIN)/ticketbridge demo

test: .venv/installed  ## the whole suite, on every core
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

lint: .venv/installed  ## style, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

proto: .venv/installed  ## compiles the .proto file of the modl API's protobuf form into Python
	$(BIN)/python -m grpc_tools.protoc --proto_path=$(PROTO) --python_out=$(PROTO) --pyi_out=$(PROTO) minecraft.proto

translations: .venv/installed  ## adds new texts to the catalogues in bot/i18n/locales, for translators to fill in
	$(BIN)/python -m tests.i18n

pictures: .venv/installed  ## draws the pictures in docs/images from the posts of a running demo
	$(BIN)/python -m tests.pictures

fuzz: .venv/installed  ## 200,000 hostile requests against the webhook (some minutes)
	$(BIN)/python -m tests.proofs.fuzz --requests 200000

crowd: .venv/installed  ## how fast a good client is answered among 500 bad ones (a minute)
	$(BIN)/python -m tests.proofs.slow_clients

repeats: .venv/installed  ## 10,000 answers to repeated requests while the process is killed (some minutes)
	$(BIN)/python -m tests.proofs.repeats

schema: .venv/installed  ## 10,000 requests made from the API's description, and every check on the answers (some minutes)
	$(BIN)/python -m tests.proofs.schemathesis_run --examples 300

prove: .venv/installed  ## kills, audit, outages in their long forms, figures into docs/reliability.md (RUN=kills: that one alone)
	$(BIN)/python -m tests.proofs.prove --write $(RUN)

prove-controls: .venv/installed  ## injects each bug, and sees its proof notice (some minutes)
	$(BIN)/python -m tests.proofs.prove --write --controls

bench: .venv/bench  ## how fast it is, beside other servers, into docs/performance.md (half an hour or more)
	$(BIN)/python -m tests.bench --page docs/performance.md

bench-short: .venv/bench  ## the same in short, only printed (some minutes)
	$(BIN)/python -m tests.bench --short

.venv/bench: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,bench]'
	touch $@

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ticketbridge needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
