# cuewalk: `make demo` sets everything up and runs the built-in data; `make test` runs the tests.
PYTHON ?= python3.11
CORES ?= all
export PATH := $(CURDIR)/.venv/bin:$(PATH)
SNAKEMAKE = snakemake --profile workflow/profiles/default --cores $(CORES)

.PHONY: demo test faults bench check docs format lock clean help

help:
	@echo "make demo    set up, run the built-in data from photographs to masks, name the report"
	@echo "make test    set up, run all tests"
	@echo "make faults  kill real processes at twenty points of a run (half an hour)"
	@echo "make bench   measure what docs/performance.md claims (a quarter of an hour, two quiet cores)"
	@echo "make check   lint, format, types, documentation"
	@echo "make docs    build the documentation into site/"
	@echo "make lock    renew requirements.lock after a change of pyproject.toml"
	@echo "make clean   remove the environment (results stay)"

demo: .venv/ready
	@$(SNAKEMAKE)
	@echo "Open results/demo/report.html; the masks are in results/demo/masks/"

test: .venv/ready
	@pytest -n 2 --dist loadfile

faults: .venv/ready
	@pytest -m "faults or not faults" tests/workflow/test_faults.py

bench: .venv/ready
	@python benchmarks/all.py

check: .venv/ready
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	mypy
	snakemake --lint
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict
	@echo "Open site/index.html; to search: python3 -m http.server -d site"

format: .venv/ready
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

# Built whole or not at all: `ready` is written last, and a broken environment is made anew.
.venv/ready: requirements.lock pyproject.toml
	@sh workflow/preflight.sh $(PYTHON)
	@echo "Setting up .venv (about 6 GB to download and unpack, a few minutes)"
	@rm -rf .venv && $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@.venv/bin/python -m compileall -q -j 0 .venv/lib src >/dev/null || true
	@touch $@

lock: .venv/ready
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header --quiet -o requirements.lock

clean:
	rm -rf .venv
