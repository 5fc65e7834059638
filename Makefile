# Two commands do everything, each with all of its own set-up: `make train` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# To use other ones: make VENV=... PYTHON=... PYTEST_ARGS="-k camera" ...
VENV ?= .venv
PYTEST_ARGS ?=
FLAGFILE := flags/quickstart.flags
RUN := runs/quickstart

python := $(VENV)/bin/python
# What is installed, noted by tools/set_up.sh once all of it is in.
installed := $(VENV)/.igc_tf/requirements.txt
installed_for_tests := $(VENV)/.igc_tf/requirements-test.txt
# A step of `make train` that has succeeded leaves an empty file here.
done := $(RUN)/.done

.PHONY: help train pictures web serve-web test quicktest lint bazel clean compiler bazel_is_there npm_is_there again

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

# ---- set-up ----------------------------------------------------------------------------------------

# `$(call unless,FILE)` asks for a step again whose result FILE is gone.
unless = $(if $(wildcard $(1)),,again)

# An interpreter that has gone since leaves a link that leads nowhere.
$(installed): requirements.txt $(shell test -x $(python) || echo again)
	@tools/set_up.sh $(VENV) $<

$(installed_for_tests): requirements-test.txt $(installed)
	@tools/set_up.sh $(VENV) $<

compiler:
	@command -v "$${CXX:-g++}" c++ clang++ >/dev/null || \
	  echo "Note: no C++ compiler, so the slower rasterizer in TensorFlow is used. Faster: apt-get install g++"

# ---- train -----------------------------------------------------------------------------------------

train: $(done)/evaluated $(done)/exported $(done)/reconstructed ## train on the embedded data set, evaluate, export, reconstruct
	@if [[ $(FLAGFILE) -nt $(RUN)/done.json ]]; then \
	  echo "Note: $(FLAGFILE) is newer than the trained run. To train anew, remove $(RUN)."; fi
	@echo
	@echo "Done. What to look at, in $(RUN):"
	@echo "  panels/        test photos, their parts and 3D shape"
	@echo "  report/        how good it is, as a page; metrics.json, as numbers"
	@echo "  saved_model/   the exported model, for TensorFlow Serving and others"
	@echo "  curves         $(VENV)/bin/tensorboard --logdir=$(RUN)"

# The set-up is order-only (|): newer packages are no reason to train anew.
$(done)/prepared: | compiler $(installed)
	@echo "== Data"
	$(python) -m tools.prepare --dataset=synthetic_faces
	@mkdir -p $(@D) && touch $@

# tools.train writes done.json at its end; stopped before, it resumes.
$(RUN)/done.json: | $(done)/prepared
	@echo "== Training (stop it at will: the same command goes on)"
	$(python) -m tools.train --flagfile=$(FLAGFILE) --run_dir=$(RUN)
	@test -f $@ || { echo "ERROR: training ended without writing $@." >&2; exit 1; }

$(done)/evaluated: $(RUN)/done.json $(call unless,$(RUN)/metrics.json) | $(installed)
	@echo "== Evaluation"
	$(python) -m tools.evaluate --run_dir=$(RUN) --metrics_json=$(RUN)/metrics.json \
	  --report_dir=$(RUN)/report
	@mkdir -p $(@D) && touch $@

# One after the other, under `make -j` too: each takes all cores.
$(done)/exported: $(RUN)/done.json $(call unless,$(RUN)/saved_model) | $(done)/evaluated
	@echo "== Export"
	$(python) -m tools.export --run_dir=$(RUN) --export_dir=$(RUN)/saved_model
	@mkdir -p $(@D) && touch $@

$(done)/reconstructed: $(RUN)/done.json $(call unless,$(RUN)/panels) | $(done)/exported
	@echo "== Pictures"
	$(python) -m tools.reconstruct --run_dir=$(RUN) --num_test_images=8 --output_dir=$(RUN)/panels
	@mkdir -p $(@D) && touch $@

# ---- pictures --------------------------------------------------------------------------------------

pictures: $(installed) ## render the README's faces again, from the released weights
	$(python) -m tools.reconstruct --weights=synthetic --num_test_images=9 --nomeshes --output_dir=runs/pictures
	$(python) -m tools.reconstruct --weights=photos --input=docs/images/astronaut.jpg --turntable --relight --nomeshes --output_dir=runs/pictures
	cp runs/pictures/test_0008.igc/hierarchy.png docs/images/hierarchy.png
	cp runs/pictures/test_0008.igc/panel.png docs/images/panel.png
	cp runs/pictures/astronaut.jpg.igc/hierarchy.png docs/images/hierarchy_photo.png
	cp runs/pictures/astronaut.jpg.igc/turn.png docs/images/turn.png
	cp runs/pictures/astronaut.jpg.igc/relight.png docs/images/relight.png

# ---- web -------------------------------------------------------------------------------------------

web: web/node_modules/.package-lock.json | web/public/model/capsules.tflite ## build the page in web/, to web/dist
	cd web && npm run --silent build

serve-web: web ## build it, and serve it on this machine
	cd web && npm run --silent serve

web/node_modules/.package-lock.json: web/package-lock.json | npm_is_there
	cd web && npm ci --ignore-scripts --no-audit --no-fund

# A model that is there stays: it may be of a run of your own (docs/web.md).
web/public/model/capsules.tflite: | $(installed)
	$(python) -m tools.export --weights=photos --web_dir=$(@D)

npm_is_there:
	@command -v npm >/dev/null || \
	  { echo "ERROR: no npm here. To have it: apt-get install nodejs npm (Node 18 or newer)" >&2; exit 1; }

# ---- test ------------------------------------------------------------------------------------------

# Two files of tests at a time, the slow ones first; the tests of one file share what they have made.
in_parallel := -n 2 --dist=loadfile --no-loadscope-reorder

test: lint compiler ## lint and run the whole test suite (PYTEST_ARGS: more for pytest)
	$(python) -m pytest $(in_parallel) $(PYTEST_ARGS)

quicktest: lint compiler ## the same without the slow tests
	$(python) -m pytest $(in_parallel) -m "not slow" $(PYTEST_ARGS)

lint: $(installed_for_tests) ## check the code with ruff, and the types with mypy
	$(python) -m ruff check .
	$(python) -m mypy

bazel: bazel_is_there $(installed_for_tests) ## build and test with Bazel, if it is there
	bazel test //...

bazel_is_there:
	@command -v bazel >/dev/null || \
	  { echo "ERROR: no bazel here. To have it: apt-get install bazel-bootstrap" >&2; exit 1; }

clean: ## remove the environment and caches; never runs/ or data
	@rm -rf .pytest_cache .ruff_cache .mypy_cache build *.egg-info web/dist web/node_modules $(VENV).old
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	@if [[ -d $(VENV)/.igc_tf ]]; then mv $(VENV) $(VENV).old && rm -rf $(VENV).old; fi
