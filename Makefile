# vx9: what people type.  .ci/prepare makes the virtual environment and installs into it.
#
#   make shell    an interactive Plan 9 shell            make check    style and types
#   make test     all tests (ARGS='-k name' to choose)   make bench    the benchmarks
#   make clean    remove what was built                  make dist     sdist and wheel in dist/
#   make fuzz     fuzz the core, TIME=60 seconds for each target (needs clang)
#   make go-ladder    all tests of Go's standard library (ARGS='--again os' to choose)
#
# PYTHON=/path/to/python3 chooses the interpreter (3.11 or later).
# Only relative names: the tree may lie in a folder with blanks in its name.

VENV = .venv
RUN = $(VENV)/bin/python -P -m

# What the installed extension and guest programs are made from; Python sources are used in place.
INPUTS := setup.cfg setup.py pyproject.toml .ci/prepare $(shell find vxcore kernel userland/guest images \
	-name build -prune -o -name '_*.c' -o -name offsets.h -o -type f \( -name '*.[chS]' -o -name '*.pyx' \
	-o -name '*.px[di]' -o -name '*.tab' -o -name '*.ld' -o -name '*.proto' -o -name 'mk*.py' \) -print 2>/dev/null)

# A tree that was moved is installed again: editable installs know where they are.
ifneq ($(shell cat $(VENV)/here 2>/dev/null),$(CURDIR))
MOVED = moved
endif

.PHONY: shell test check bench fuzz go-ladder dist clean moved

shell: $(VENV)/installed
	@$(RUN) vx9 $(ARGS)

test: $(VENV)/installed-test
	$(RUN) pytest $(ARGS)

check: $(VENV)/installed-check
	$(RUN) ruff check $(ARGS)
	mkdir -p .typecheck/vx9
	for d in fs images kernel userland vxcore; do ln -sfn ../../$$d .typecheck/vx9/$$d; done
	ln -sfn ../../vx9pkg/__init__.py .typecheck/vx9/__init__.py
	$(RUN) mypy
	$(RUN) pytest -q tests/test_layers.py tests/test_tables.py

bench: $(VENV)/installed
	@$(RUN) vx9 bench $(ARGS)

TIME ?= 60
fuzz: $(VENV)/installed
	$(VENV)/bin/python -P tests/fuzz/fuzz.py --time $(TIME) $(ARGS)

go-ladder: $(VENV)/installed-test
	@$(VENV)/bin/python -P tests/go/ladder.py $(ARGS)

dist: $(VENV)/installed-check
	$(RUN) build

$(VENV)/installed: $(INPUTS) $(MOVED)
	@sh .ci/prepare

$(VENV)/installed-%: $(VENV)/installed
	@sh .ci/prepare $*

moved:

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .typecheck userland/guest/build images/bin
	rm -f vxcore/*.so kernel/*.so vxcore/_core.c kernel/_fast.c vxcore/src/insns.inc vxcore/src/offsets.h
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
