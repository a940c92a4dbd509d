# One word each; `make` alone lists them. pixi.toml has the same words as tasks.
SHELL := bash
BIN := $(CURDIR)/.venv/bin
PROJECT ?= demo-project
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check bench docs screenshots lock clean

help: ## list the words
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' Makefile | expand -t 14

setup: ## make the environment (.venv); quick when it is up to date
	@.ci/setup

demo: setup ## make the synthetic demo project, run every stage, serve it (ARGS="--no-serve")
	$(BIN)/leadline demo $(ARGS)

serve: setup ## serve a project: make serve PROJECT=folder
	$(BIN)/leadline serve $(PROJECT) $(ARGS)

test: setup ## run every test, and the kernels again without the compiler
	@PATH="$(BIN):$$PATH" .ci/test $(ARGS)

check: setup ## ruff, format, mypy, import rules, manifests, generated docs
	@PATH="$(BIN):$$PATH" .ci/check

bench: setup ## measure, with peers and limits beside each figure (ARGS="--only NAME")
	$(BIN)/python -m benchmarks $(ARGS)

docs: setup ## write docs/formats.md and docs/parameters.md from the code
	$(BIN)/python docs/generate.py

screenshots: setup ## make the demo and take the pictures of the docs from its pages
	@PATH="$(BIN):$$PATH" .ci/screenshots

lock: setup ## resolve pyproject.toml anew into requirements.lock
	@.ci/lock

clean: ## remove the environment, the caches and the demo project
	rm -rf .venv build dist demo-project *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
