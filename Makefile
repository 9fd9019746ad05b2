# Everything is set up on the way: a fresh clone needs Python 3.11 or later, with pip and venv, and nothing else.

# The first Python on the path that is new enough; `make PYTHON=/path/to/python3 ...` takes another.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

SOURCES := $(shell find src -type f -not -name '*.pyc') pyproject.toml README.md LICENSE NOTICE
DEMO := .venv
TEST := .venv-test
DOCS := .venv-docs
PIP := --quiet --disable-pip-version-check
WORKERS ?= 2
# Python keeps what it compiles, whatever the environment says: each of the many processes would compile all of it again.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help demo test newcomer test-slow lint types docs api notebook picture bench clean

help:
	@echo 'make demo       install the wheel into $(DEMO) and run the main job'
	@echo 'make test       run the tests, and what a newcomer does on the first day;  make test-slow: those that take minutes'
	@echo "make newcomer   a newcomer's first day alone, on the command line"
	@echo 'make lint types check style and types;  make docs: build the site;  make bench: measure speed'
	@echo 'make api        write docs/api.md from the docstrings'
	@echo 'make notebook picture  run docs/notebook.ipynb again; draw the pictures of the docs again'
	@echo 'make clean      remove everything that make has made'

demo: $(DEMO)/installed
	$(DEMO)/bin/chipweave demo

test: $(TEST)/installed
	$(TEST)/bin/python -m tests.kernels $(WORKERS)
	$(TEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal
	@$(MAKE) --no-print-directory newcomer

newcomer: $(TEST)/installed
	CHIPWEAVE=$(abspath $(TEST)/bin/chipweave) PYTHON=$(abspath $(TEST)/bin/python) bash tests/newcomer.sh

test-slow: $(TEST)/installed
	$(TEST)/bin/python -m tests.kernels $(WORKERS)
	$(TEST)/bin/python -m pytest -n $(WORKERS) --dist worksteal -m slow --hypothesis-profile=new-examples

lint: $(TEST)/tools-installed
	$(TEST)/bin/ruff check .

types: $(TEST)/tools-installed
	$(TEST)/bin/mypy

docs: $(DOCS)/installed
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict

api: $(TEST)/installed
	$(TEST)/bin/python docs/api_page.py

notebook: $(TEST)/installed
	$(TEST)/bin/python -m pip install $(PIP) --editable '.[notebook]'
	$(TEST)/bin/python docs/notebook.py

picture: $(TEST)/installed
	$(TEST)/bin/python docs/picture.py
	$(TEST)/bin/python docs/merged_pipeline.py
	$(TEST)/bin/python docs/report_picture.py

bench: $(TEST)/installed
	@for script in $(filter-out benchmarks/fuzz.py benchmarks/loopnest_zigzag.py benchmarks/store_schedules.py,$(wildcard benchmarks/*.py)); do \
		echo "== $$script"; $(TEST)/bin/python -m benchmarks.$$(basename $$script .py) || exit 1; done

clean:
	rm -rf $(DEMO) $(TEST) $(DOCS) dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# `touch installed` comes last, so that an interrupted installation starts again.

$(DEMO)/installed: dist/built
	$(call make-venv,$(DEMO))
	$(DEMO)/bin/python -m pip install $(PIP) --force-reinstall --no-deps dist/chipweave-*.whl
	$(DEMO)/bin/python -m pip install $(PIP) dist/chipweave-*.whl
	@touch $@

dist/built: $(SOURCES)
	$(call make-venv,$(DEMO))
	@rm -rf dist && mkdir dist
	$(DEMO)/bin/python -m pip wheel $(PIP) --no-deps --wheel-dir dist .
	@touch $@

$(TEST)/installed: pyproject.toml
	$(call make-venv,$(TEST))
	$(TEST)/bin/python -m pip install $(PIP) --editable '.[test]'
	@touch $@

$(TEST)/tools-installed: $(TEST)/installed
	$(TEST)/bin/python -m pip install $(PIP) --editable '.[dev]'
	@touch $@

$(DOCS)/installed: pyproject.toml
	$(call make-venv,$(DOCS))
	$(DOCS)/bin/python -m pip install $(PIP) --editable '.[docs]'
	@touch $@

# Make the virtual environment $(1) where there is none, or say in one line why it cannot be made.
define make-venv
@test -n '$(PYTHON)' || { echo 'chipweave needs Python 3.11 or later and found none;' \
	'install one, or name it: make PYTHON=/path/to/python3' >&2; exit 1; }
@test -x $(1)/bin/python || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo '$(PYTHON) cannot make' \
	'virtual environments; install its venv package (on Debian and Ubuntu: apt install python3-venv)' >&2; exit 1; }
@test -x $(1)/bin/python || { echo 'making $(1)'; rm -rf $(1); $(PYTHON) -m venv $(1); }
endef
