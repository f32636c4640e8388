# Two commands matter: `make demo` (see it work) and `make test` (see it proven on a real Kafka).
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help install demo tour check format generate lock test test-all fuzz audit sbom chaos bench bench-dlq bench-real clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(STAMP) ## .venv with the command in it, from the hash-locked requirements

$(STAMP): requirements/dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

demo: install ## events, broker, consumer and an emulated Zoho on this machine, in 20 seconds
	$(BIN)/session-consumer demo

tour: install ## an incident and its end, on a real Kafka; writes docs/tour.md
	$(BIN)/python -m tests.tour

check: install ## format, lint, types, import directions, generated files
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/mypy docs/samples/python/publish.py
	$(BIN)/lint-imports --no-logo | tail -n 2
	$(BIN)/python -m schemas.generate --check
	$(BIN)/python -m consumer.reference_docs --check
	$(BIN)/python -m helm.generate --check

format: install ## mend what `check` says about format and imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: install ## all that is made from the code: schemas, AsyncAPI document, examples, tables in docs/, the chart's pages
	$(BIN)/python -m schemas.generate
	$(BIN)/python -m consumer.reference_docs
	$(BIN)/python -m helm.generate

lock: ## requirements/*.txt anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml -o requirements/runtime.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra otel -c requirements/runtime.txt pyproject.toml -o requirements/otel.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra otel --group dev -c requirements/otel.txt pyproject.toml -o requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group build -c requirements/dev.txt -o requirements/build.txt

tools: install ## Helm's tools, prometheus, promtool and the Go sample, built once from pinned Go modules (minutes, then cached)
	$(BIN)/python -m helm.toolbox

# Most tests wait for something most of the time; each worker has a broker of its own.
WORKERS ?= 3

test: install tools ## every promise, on a real Kafka and an emulated Zoho over real HTTP
	$(BIN)/python -m pytest -m "not slow" --numprocesses $(WORKERS) --dist worksteal

test-all: install tools ## the same and the long ones: real windows, many crashes
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

# Whatever can't be audited is a failure: a service that is not reached, a package that it doesn't know.
AUDIT := --strict --require-hashes --disable-pip --progress-spinner off
AUDIT_SERVICE ?= --vulnerability-service pypi

audit: install ## known vulnerabilities of the locked dependencies; fails where the service can't be asked
	for lock in otel dev build; do \
	  echo "requirements/$$lock.txt"; \
	  $(BIN)/pip-audit $(AUDIT) $(AUDIT_SERVICE) --requirement requirements/$$lock.txt || exit 1; \
	done

SBOM ?= dist/sbom.cdx.json

sbom: install ## what the image has, with its hashes, as CycloneDX (validated, the same each time)
	mkdir -p $(dir $(SBOM))
	$(BIN)/python -W ignore::UserWarning -m cyclonedx_py requirements --pyproject pyproject.toml \
	  --output-reproducible --of JSON --validate --output-file $(SBOM) requirements/otel.txt

N ?= 100000
SEED ?= 1
RUNS ?= 10

fuzz: install ## N inputs for everything that reads what others write, and a report
	$(BIN)/python -m tests.fuzz --inputs $(N) --seed $(SEED)

chaos: install ## crashes, freezes, cuts, outages and locks: RUNS runs from SEED on, each judged by the laws
	$(BIN)/python -m tests.chaos --seed $(SEED) --runs $(RUNS)

bench: install ## speed, memory and the share of the quota used
	$(BIN)/python -m benchmarks

bench-dlq: install ## how fast dead letters are listed, counted and shown: 100,000 of them
	$(BIN)/python -m benchmarks dlq

bench-real: install ## ten minutes at the real 30 calls in 60 s, with a kill -9 and a clean restart in it
	$(BIN)/python -m benchmarks real

clean: ## everything that is made, but not the cached broker
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
