# Every target is one line into the program; nothing is reachable only through make.
#   make demo [KEEP=1] [EXPORT=DIR]   make test   make test-long [SEED=n]   make lint   make schemas
#   make crash [ROUNDS=30] [SEED=n] [FACTS=n]   make bench [QUICK=1]
.PHONY: demo test test-long lint crash bench schemas
.DELETE_ON_ERROR:

PYTHON ?= python3
PARITRANA := .venv/bin/paritrana
READY := .venv/.ready

demo: $(READY)
	@$(PARITRANA) demo $(if $(KEEP),--keep) $(if $(EXPORT),--export "$(EXPORT)")

test: $(READY)
	@$(PARITRANA) test

test-long: $(READY)
	@$(PARITRANA) test --long $(if $(SEED),--hypothesis-seed=$(SEED))

lint: $(READY)
	@$(PARITRANA) lint

crash: $(READY)
	@$(PARITRANA) crash $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(FACTS),--facts $(FACTS))

bench: $(READY)
	@$(PARITRANA) bench $(if $(QUICK),--quick)

schemas: $(READY)
	@$(PARITRANA) schemas

# The environment holds exactly what the lock file lists, each file checked against its hash; made again when the lock
# or the project file changes.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "paritrana needs Python 3.11 or later, and this is %d.%d: run make PYTHON=python3.11 (or later)" % sys.version_info[:2])'
	@$(PYTHON) -c 'import sys, importlib.util as u; sys.exit(None if u.find_spec("venv") and u.find_spec("ensurepip") else "this Python has no venv module: install it (Debian, Ubuntu: apt install python3-venv) and run make again")'
	@echo "making the environment in .venv"
	@test -x .venv/bin/pip || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --disable-pip-version-check --progress-bar on --require-hashes -r requirements.lock
	@.venv/bin/python -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps -e .
	@touch $@
