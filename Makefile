# Installs everything and runs the project; needs Python 3.11–3.13 and make. `make` alone lists what there is.

PYTHON ?= python3
VENV := .venv
TL4 := .venv-tl4
DOCS := .venv-docs
LM_EVAL := .venv-lm-eval
PEERS := .venv-peers
BIN := $(VENV)/bin
INSTALL := install --quiet --disable-pip-version-check

export TOKENIZERS_PARALLELISM ?= false

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-tl4 test-lm-eval nightly check pythons lab gallery studies site bench lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## install and run the demonstration
	@$(BIN)/workbench demo

# Whole runs go on two processes, each file in one of them, in the order of tests/conftest.py.
TWO := -n 2 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.installed ## install and run the tests
	@$(BIN)/python -m pytest $(or $(ARGS),$(TWO))

test-all: $(VENV)/.installed ## the tests with the full counts of their expensive loops
	@WORKBENCH_FULL=1 $(BIN)/python -m pytest $(ARGS)

# What never meets TransformerLens is tested once, by `make test`; what meets it only through rooms tested here
# (NIGHTLY), on version 4 by `make nightly`.
APART := $(addprefix --ignore=tests/,stats select text results checks figures report panel analyses/claims core models/test_workers.py test_notebooks.py test_faults.py test_security.py test_fuzz_runs.py test_fuzz_readers.py)
NIGHTLY := $(addprefix --ignore=tests/,analyses cli organism)

test-tl4: $(TL4)/.installed ## the tests of what meets TransformerLens, on version 4
	@$(TL4)/bin/python -m pytest $(or $(ARGS),$(TWO) $(APART) $(NIGHTLY))

test-lm-eval: $(LM_EVAL)/.installed ## the tests of what meets lm-evaluation-harness, beside it
	@HF_HUB_OFFLINE=1 $(LM_EVAL)/bin/python -m pytest $(or $(ARGS),tests/tasks/test_lm_eval.py tests/interop tests/models/test_quantised.py)

nightly: $(VENV)/.installed $(TL4)/.installed ## the tests with full counts, on both versions of TransformerLens
	@status=0; \
		WORKBENCH_FULL=1 $(BIN)/python -m pytest $(TWO) || status=1; \
		WORKBENCH_FULL=1 $(TL4)/bin/python -m pytest $(TWO) $(APART) || status=1; \
		exit $$status

check: $(VENV)/.installed ## style, types, the laws of the architecture, licences
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/python -m pytest --quiet tests/test_architecture.py
	@$(BIN)/python tests/architecture.py
	@$(BIN)/python tools/licences.py --quiet
	@$(BIN)/python -m pip check --quiet

pythons: $(VENV)/.installed ## install the wheel on every Python in range that is here, and run the demonstration
	@$(BIN)/python tools/pythons.py $(ARGS)

lab: $(VENV)/.installed ## JupyterLab on notebooks/
	@$(BIN)/workbench lab $(ARGS)

gallery: $(VENV)/.installed ## draw every kind of figure from the organism
	@$(BIN)/workbench figures --gallery

studies: $(VENV)/.installed ## the studies of docs/studies on real models: hours; MODELS=DIR DATA=DIR
	@$(BIN)/python tools/studies.py $(addprefix --models ,$(MODELS)) --data $(or $(DATA),data) $(ARGS)

site: $(DOCS)/.installed ## the documentation as pages in site/, each opened once in a browser
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet
	@$(DOCS)/bin/python tools/open_pages.py site

bench: $(PEERS)/.installed ## the workbench beside other libraries, into benchmarks/results.md; MODELS=DIR DATA=DIR
	@$(PEERS)/bin/python benchmarks/run.py $(addprefix --models ,$(MODELS)) $(addprefix --data ,$(DATA)) $(ARGS)

lock: ## write the lock files anew
	@echo "Resolving in a throw-away environment: some minutes"
	@$(PYTHON) tools/lock.py torch==2.13.0 transformer-lens==3.9.0

clean: ## remove the environments and all caches
	@rm -rf $(VENV) $(TL4) $(DOCS) $(LM_EVAL) $(PEERS) site build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is removed first and written last: an install that fails leaves none.
$(VENV)/.installed: requirements.lock pyproject.toml
	@rm -f $@
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed, and $(PYTHON) is not: try make PYTHON=python3.11" >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing from requirements.lock into $(VENV): some minutes the first time"
	@$(BIN)/python -m pip $(INSTALL) -r requirements.lock
	@$(BIN)/python -m pip $(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# An overlay holds only what differs; all else is found in the first environment, after its own.
SITE := import sysconfig; print(sysconfig.get_path("purelib"))
define OVERLAY
	@rm -f $@
	@$(BIN)/python -m venv --clear --without-pip $(@D)
	@echo "Installing $< into $(@D), over $(VENV)"
	@$(BIN)/python -m pip --python $(@D)/bin/python $(INSTALL) --no-deps -r $<
	@base=$$($(BIN)/python -c '$(SITE)'); own=$$($(@D)/bin/python -c '$(SITE)'); \
		echo "import site; site.addsitedir('$$base')" > "$$own/overlay.pth"
endef
$(LM_EVAL)/.installed: requirements-lm-eval.lock $(VENV)/.installed
	$(OVERLAY)
	@touch $@
$(PEERS)/.installed: requirements-peers.lock $(VENV)/.installed
	$(OVERLAY)
	@touch $@
$(TL4)/.installed: requirements-tl4.lock $(VENV)/.installed
	$(OVERLAY)
	@! $(TL4)/bin/python -c 'from transformer_lens import HookedTransformer' 2>/dev/null || \
		{ echo "$(TL4) does not hold TransformerLens 4: it has HookedTransformer" >&2; exit 1; }
	@touch $@

# The site is made from the source alone: its environment holds nothing of the project.
$(DOCS)/.installed: requirements-docs.lock
	@rm -f $@
	@$(PYTHON) -m venv --clear $(DOCS)
	@$(DOCS)/bin/python -m pip $(INSTALL) -r requirements-docs.lock
	@touch $@
