# Everything runs in .venv; `make` on its own lists the targets.
VENV   ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
RUN    := $(VENV)/bin/python
OUT    ?= build/runs
# Tests run side by side; each wants about 4 GB of memory, and a core.
JOBS   ?= 2
export TF_CPP_MIN_LOG_LEVEL ?= 2
# A mirror of the published data beside the checkout is used where there is one.
ifneq ($(wildcard ../shared/data),)
export RECIPES_MIRROR ?= $(abspath ../shared/data)
endif

.PHONY: help install recipes test notebook gallery reproduce benchmark lint pins clean

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "make %-10s %s\n", $$1, $$2}'

install: $(VENV)/.installed  ## the virtual environment with exact pins

$(VENV)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v in ((3, 11), (3, 12)) else "Python 3.11 or 3.12 is needed; make PYTHON=/path/to/python3.12 names one (found %d.%d)" % v)'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "This Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

recipes: install  ## run every recipe (quick, and real where its data can be had), then build the gallery
	$(RUN) -m ci.run --preset quick --preset real --skip-missing -o $(OUT); state=$$?; \
	$(RUN) -m ci.gallery $(OUT) -o build/gallery && exit $$state

test: install  ## lint, unit tests, and one quick run of every recipe
	$(RUN) -m ci.lint
	$(RUN) -m ci.results_table --check
	$(RUN) -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder

notebook: install  ## JupyterLab on the recipes
	$(RUN) -m jupyterlab recipes

gallery: install  ## rebuild the gallery from the last runs
	$(RUN) -m ci.gallery $(OUT) -o build/gallery

reproduce: install  ## every number of the result tables (hours; resumable)
	$(RUN) -m recipes.text_cnn.reproduce
	$(RUN) -m recipes.wide_deep.reproduce
	$(RUN) -m recipes.neural_style.reproduce
	$(RUN) -m recipes.transfer.reproduce
	$(RUN) -m recipes.transfer.reproduce_alexnet
	$(RUN) -m recipes.retina.reproduce
	$(RUN) -m recipes.skin.reproduce
	$(RUN) -m recipes.speech.reproduce
	$(RUN) -m ci.results_table

benchmark: install  ## speed against named references
	$(RUN) -m ci.benchmarks.text_cnn
	$(RUN) -m ci.benchmarks.wide_deep
	$(RUN) -m ci.benchmarks.neural_style
	$(RUN) -m ci.benchmarks.transfer
	$(RUN) -m ci.benchmarks.medical
	$(RUN) -m ci.benchmarks.speech

lint: install  ## notebooks and code
	$(RUN) -m ci.lint

pins: install  ## compile requirements*.in into exact pins (needs a network)
	$(RUN) -m pip install --quiet uv
	$(VENV)/bin/uv pip compile --universal --python-version 3.11 --fork-strategy fewest --no-header --no-emit-index-url --no-annotate --quiet requirements.in -o requirements.txt
	$(VENV)/bin/uv pip compile --universal --python-version 3.11 --fork-strategy fewest --no-header --no-emit-index-url --no-annotate --quiet -c requirements.txt requirements-gpu.in -o requirements-gpu.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check --dry-run --ignore-installed -r requirements.txt

clean:  ## remove build/ (the virtual environment and the data cache stay)
	rm -rf build
