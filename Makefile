# `make demo` and `make test` set everything up by themselves; `make help` lists the rest.
PYTHON ?= python3
# On Linux, PyPI's torch brings gigabytes of CUDA. For a CPU build:
#   make setup PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PAGE := src/seganypet/app/page/index.html
PACKAGES := web/node_modules/.installed

.PHONY: help setup app demo serve test lint format clean

help:  ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## Build .venv with everything in it; .venv/bin/seganypet is the command

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(PIP_FLAGS) torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(PIP_FLAGS) --editable ".[train,evaluate,compare,osem,dev]"
	$(BIN)/python -m pip install --quiet --no-deps monailabel==0.8.5
	touch $(STAMP)

# make demo                                  a simulated scan
# make demo PET=scan CLICKS="64,70,34"       a scan of yours: clicks as voxels i,j,k, several with spaces between
demo: $(STAMP)  ## Segment a simulated scan, or PET=path at CLICKS="i,j,k …"
	$(BIN)/seganypet demo $(if $(PET),--pet "$(PET)") $(foreach click,$(CLICKS),--click $(click)) -o demo

serve: $(STAMP) $(PAGE)  ## Open the page to work in; PATH_TO=folder of scans
	$(BIN)/seganypet serve $(if $(PATH_TO),"$(PATH_TO)") --open

app: $(PAGE)  ## Build the page (needs Node.js 20 or newer)

$(PACKAGES): web/package.json web/package-lock.json
	cd web && npm ci --no-fund --no-audit
	touch $(PACKAGES)

$(PAGE): $(STAMP) $(PACKAGES) $(shell find web/src src/seganypet/app -name '*.ts' -o -name '*.tsx' -o -name '*.css' -o -name '*.py') web/index.html
	$(BIN)/python -m seganypet.app.openapi > web/openapi.json
	cd web && npm run --silent wire && npm run --silent build

test: $(STAMP) $(PAGE)  ## Run all tests, a file on each core
	cd web && npm run --silent test
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

lint: $(STAMP) $(PAGE)  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd web && npm run --silent check

format: $(STAMP)  ## Bring all files into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove .venv and what the demo wrote
	rm -rf $(VENV) demo web/node_modules src/seganypet/app/page
