# Two commands: `make run` and `make test`. Both set up whatever is missing first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: run test torture check format lock screenshots package bench bench-server clean

run: $(VENV)/run
	@.ci/system-packages run
	@$(BIN)/python main.py $(shell .ci/has-display && echo window --local || echo demo) $(ARGS)

test: check
	@.ci/system-packages test
	@.ci/peers
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

torture: $(VENV)/test
	@.ci/system-packages test
	TORTURE=$${TORTURE:-100} $(BIN)/python -m pytest -s tests/flow/test_torture.py $(ARGS)

check: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

package: $(VENV)/test
	$(BIN)/pyinstaller --noconfirm installer.spec

screenshots: $(VENV)/test
	$(BIN)/python docs/make_screenshots.py docs

bench: $(VENV)/test
	@.ci/system-packages bench
	@.ci/peers
	$(BIN)/python -m benchmarks $(ARGS)

bench-server: $(VENV)/test
	@.ci/system-packages test
	@.ci/peers
	$(BIN)/python -m benchmarks --only load $(ARGS)

lock:
	@.ci/lock

clean:
	rm -rf $(VENV) build dist artefacts tests/peers/node_modules

$(VENV)/run: .lock/run.txt pyproject.toml
	@.ci/system-packages python
	@.ci/install $(PYTHON) $(VENV) .lock/run.txt
	@touch $@

$(VENV)/test: .lock/test.txt pyproject.toml
	@.ci/system-packages python
	@.ci/install $(PYTHON) $(VENV) .lock/test.txt
	@touch $(VENV)/run $@
