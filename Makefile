# What the project can do, by name. Only Python 3.11 to 3.13, make and git are needed; everything
# else goes into .venv, which is used without being activated.
#
#   make install TORCH_INDEX=https://download.pytorch.org/whl/cpu    PyTorch without CUDA (Linux)
#   make install PYTHON=python3.12                                   which Python to use
#   make reproduce ARGS="--quick --out try"                          options of the command

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PYTHON ?=
ARGS   ?=
TORCH_INDEX ?=
INDEX  := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

# The default `python3` first, as it is the one its owner chose; then the newest.
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11)
STARTED    := $(shell date +%s)

.DELETE_ON_ERROR:
.PHONY: help install test test-all reproduce docs refresh clean

help:
	@echo "make install     create $(VENV) and install musicrec and its tools there"
	@echo "make reproduce   the main job: the paper's figures, its table and a playlist (ARGS=\"--quick\")"
	@echo "make test        every check that fits into twelve minutes"
	@echo "make test-all    those and the slow ones"
	@echo "make refresh     export, run all notebooks, save their outputs, write README.md"
	@echo "make docs        build the site into _docs (needs Quarto)"
	@echo "make clean       remove what was built; $(VENV) stays"

install: $(STAMP)

# The stamp comes last, so an interrupted installation is taken up again by the next run. It holds
# the seconds that the installation took, which `make test` reports. A half-made .venv is made anew.
$(STAMP): settings.ini setup.py constraints.txt
	@rm -f $(STAMP)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	    python=$$(tools/find_python.sh $(CANDIDATES)) && \
	    echo "Creating $(VENV) with $$python" && "$$python" -m venv --clear $(VENV); }
	@echo "Installing musicrec and its tools into $(VENV) (1 to 3 minutes, about 2 GB)"
	@$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install -e '.[dev]' -c constraints.txt $(INDEX)
	@echo $$(($$(date +%s) - $(STARTED))) > $(STAMP)

test: $(STAMP)
	@STARTED=$(STARTED) $(BIN)/python tools/run_tests.py

test-all: $(STAMP)
	@STARTED=$(STARTED) $(BIN)/python tools/run_tests.py --all

reproduce: $(STAMP)
	@$(BIN)/musicrec reproduce $(ARGS)

refresh: $(STAMP)
	$(BIN)/nbdev_export
	$(BIN)/python tools/refresh.py
	$(BIN)/nbdev_clean
	$(BIN)/python tools/readme.py

# nbdev_docs would try to install Quarto with sudo, hence the look beforehand. It may write README.md
# in Quarto's way; ours is put back, so that everybody's README is the same.
docs: $(STAMP)
	@PATH="$(CURDIR)/$(BIN):$$PATH"; command -v quarto >/dev/null || { \
	    echo "make docs needs Quarto, which is not installed. Either"; \
	    echo "    $(BIN)/python -m pip install -e '.[docs]'    (downloads Quarto into $(VENV))"; \
	    echo "or  https://quarto.org/docs/get-started/         (then run make docs again)"; exit 1; }
	PATH="$(CURDIR)/$(BIN):$$PATH" nbdev_docs
	$(BIN)/python tools/readme.py

clean:
	rm -rf _proc _docs build dist .pytest_cache .hypothesis
	find nbs musicrec tests tools \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
