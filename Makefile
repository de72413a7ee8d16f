# `make` lists the targets. Each sets itself up from Python 3.11 or newer and make.

PYTHON ?= python3
PYTEST_ARGS ?= -n auto --maxprocesses=4

VENV := .venv
BIN := $(VENV)/bin

PIP := -m pip --disable-pip-version-check install -qq

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint bench notebook docs links clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

demo: $(VENV)/.stamp-demo ## see the engine at work in a minute; writes stepgrad-demo/
	@$(BIN)/stepgrad demo

test: lint ## run linters, types and all tests, compiled and in plain Python
	@$(BIN)/python -m pytest $(PYTEST_ARGS)
	@if [ "$$($(BIN)/python -c 'import autograd; print(autograd.backend)')" = compiled ]; then \
		echo "Once more with the engine in plain Python:"; \
		STEPGRAD_PURE=1 $(BIN)/python -m pytest $(PYTEST_ARGS); \
	else \
		echo "The engine ran as plain Python alone: without a C compiler (Debian: apt install gcc python3-dev) there is no other form."; \
	fi

lint: $(VENV)/.stamp-dev ## run the linters and the type checker alone
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.stamp-bench ## measure side by side with the peers; writes plots to docs/
	@$(BIN)/python benchmarks/run.py --pictures docs $(BENCH_ARGS)

notebook: $(VENV)/.stamp-notebook ## open the notebooks
	@$(BIN)/jupyter lab notebooks

docs: $(VENV)/.stamp-docs ## build the documentation: build/site/index.html
	@$(BIN)/python -m sphinx -q -W --keep-going docs build/site
	@echo "The documentation is in build/site/index.html"

links: $(VENV)/.stamp-docs ## see whether the web pages that the docs link to are there
	@$(BIN)/python -m sphinx -q -W --keep-going -b linkcheck docs build/links

setup: $(VENV)/.stamp-dev # make .venv ready for development

clean: ## remove what the targets made, and every cache
	@rm -rf .venv benchmarks/.venv-* stepgrad-demo build dist docs/notebooks docs/architecture.svg *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find autograd nn optim tests notebooks benchmarks \
		\( -name __pycache__ -o -name .ipynb_checkpoints -o -name .hypothesis \) -prune -exec rm -rf {} + 2>/dev/null || true

# Each stamp is written after its set-up succeeded, so that an interrupted one is done again.

ENGINE := $(foreach name,grouping modes sweep value,autograd/$(name).py autograd/$(name).pxd)

$(VENV)/.stamp-bench: EXTRAS = demo,compile
$(VENV)/.stamp-demo: EXTRAS = demo
$(VENV)/.stamp-dev: EXTRAS = dev
$(VENV)/.stamp-notebook: EXTRAS = notebook,demo
$(VENV)/.stamp-docs: EXTRAS = docs

$(VENV)/.stamp-bench $(VENV)/.stamp-demo $(VENV)/.stamp-dev $(VENV)/.stamp-docs $(VENV)/.stamp-notebook: pyproject.toml setup.py $(ENGINE) | $(VENV)/.stamp
	@echo "Setting up $(VENV) for: $(EXTRAS)"
	@$(BIN)/python $(PIP) --editable ".[$(EXTRAS)]"
	@touch $@

$(VENV)/.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "stepgrad needs Python 3.11 or newer, and $(PYTHON) is not: name another with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments: on Debian or Ubuntu, apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(@D)
	@touch $@
