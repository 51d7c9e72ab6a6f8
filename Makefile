# Nothing is needed but Python 3.11 or newer and make: each target installs what it needs into .venv, once.
# PYTHON=/path/to/python3 chooses the interpreter that .venv is made with.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help serve test worker migrate admin rotate-keys audit-verify fraud-replay lint types check schema lock bench
.PHONY: fuzz bench-fraud eval clock schedule runtime plans-sync translations letters-pictures
.PHONY: backup restore sbom monitoring explain development test-browser test-clients test-stripe-cli drill browser chromium
.PHONY: graphiql

PY := .venv/bin/python
ARGS =
PYTHON ?=

# The interpreter of .venv finds its own modules; settings meant for another one would lead it astray.
# Each program that tests start would compile all of ours again, if none might keep what it has compiled.
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONDONTWRITEBYTECODE

# An address is data: it is not expanded by make, reaches the program through the environment, and is never taken
# from a variable that the shell had set before, because mail programs use EMAIL too.
define from_the_command_line
ifeq ($$(origin $(1)),command line)
override $(1) := $$(value $(1))
export $(1)
else
override $(1) :=
endif
endef
$(foreach name,EMAIL HEAD RULES SINCE ADVANCE QUERY VARIABLES TO FROM,$(eval $(call from_the_command_line,$(name))))

help: ## Print this help.
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

serve: runtime ## Start Porchlight on http://localhost:8000, with everything embedded.
	@$(PY) -m web.graphiql.build || true
	@$(PY) server.py

test: development ## Run all tests and the coverage gate; ARGS="-k trials" goes to pytest, without the gate.
	$(PY) -m pytest -n 3 $(if $(strip $(ARGS)),$(ARGS),--cov --cov-report=term)

fuzz: development ## Send cases of schemathesis to a running server for five minutes; ARGS="--seconds 60 --seed 7".
	@$(PY) -m tests.fuzz $(ARGS)

test-browser: chromium development browser graphiql ## Drive GraphiQL in headless Chromium; ARGS goes to pytest.
	$(PY) -m pytest tests/browser $(ARGS)

test-clients: chromium development browser graphiql ## Drive Apollo, urql, Relay and a browser, also through nginx.
	@$(PY) -m benchmarks.node tests/clients
	$(PY) -m pytest tests/clients $(ARGS)

drill: development ## Break each part in turn under load, and see that nothing is lost; ARGS="--long --write" keeps it.
	@$(PY) -m tests.drill $(ARGS)

test-stripe-cli: development ## Drive the simulated Stripe with Stripe's command line, of npm; Linux on x86-64 alone.
	$(PY) -m pytest tests/stripe_cli $(ARGS)

worker: runtime ## Run jobs outside the server (JOBS=external), on PostgreSQL and Redis.
	@$(PY) -m worker

migrate: runtime ## Bring the database of DATABASE_URL up to date; SQLite does so at start by itself.
	@$(PY) -m adapters.database migrate

admin: runtime ## Give the account EMAIL=ada@example.com the role of administrator.
	@test -n "$$EMAIL" || { echo 'Say whose account: make admin EMAIL=ada@example.com' >&2; exit 2; }
	@$(PY) -m worker.admin "$$EMAIL"

schedule: runtime ## Show what happens again and again, and how it last went.
	@$(PY) -m worker.runs

audit-verify: runtime ## See that nobody has changed the audit log; HEAD=… compares with the head of an earlier run.
	@$(PY) -m worker.audit "$$HEAD"

backup: runtime ## Write down the database and what lies beside it, while all runs: make backup TO=folder. docs/operations.md.
	@test -n "$$TO" || { echo 'Say where to: make backup TO=/backups' >&2; exit 2; }
	@$(PY) -m worker.backup "$$TO"

restore: runtime ## Bring a backup into an empty database, and check all of it: make restore FROM=folder.
	@test -n "$$FROM" || { echo 'Say which: make restore FROM=/backups/porchlight-20261129T021700Z' >&2; exit 2; }
	@$(PY) -m worker.restore "$$FROM"

fraud-replay: runtime ## Judge the sign-ups of 90 days by other rules, RULES=file; SINCE=2026-11-01 goes back to that day.
	@$(PY) -m worker.replay "$$RULES" "$$SINCE"

clock: runtime ## Tell the time, or move it for a server with CLOCK=adjustable: make clock ADVANCE=14d (or 90s, 15m, 36h).
	@$(PY) -m worker.clock "$$ADVANCE"

plans-sync: runtime ## Tell the payment provider what plans.yaml sells; a second run changes nothing.
	@$(PY) -m worker.plans

rotate-keys: runtime ## Make new keys for tokens and secrets, while everything runs on: docs/keys.md.
	@$(PY) -m worker.keys

explain: runtime ## Print the Python that an operation is compiled to: make explain QUERY='{ me { id } }', or QUERY=@file.
	@$(PY) -m resolvers.explain "$$QUERY" "$$VARIABLES"

sbom: development ## List what the server and GraphiQL consist of, as CycloneDX, in build/.
	@$(PY) -m deploy.sbom

lint: development ## Check style, formatting and the direction of imports.
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) .venv/bin/lint-imports

types: development ## Check types, strictly.
	$(PY) -m mypy

check: override ARGS :=
check: lint types test ## Run every gate, then all tests: what a change must pass.

schema: development ## Print the schema into schema/schema.graphql.
	@$(PY) -m resolvers.schema_file

translations: development ## Bring the catalogues of translations up to date with the sentences of code and templates.
	@$(PY) -m worker.translations

letters-pictures: chromium development browser ## Draw letters in headless Chromium, into docs/images/letters.
	@$(PY) -m tests.browser.letter_pictures

monitoring: development ## Write the rules of the objectives and the dashboard, as docs/monitoring.md says.
	@$(PY) -m deploy.prometheus.objectives
	@$(PY) -m deploy.grafana.dashboard

bench: development ## Measure the speed in both profiles and write docs/performance.md; ARGS=--quick tries it out.
	@$(PY) -m benchmarks $(ARGS)

bench-fraud: development ## Simulate a year of sign-ups and print what is caught; ARGS=--quick looks, --write keeps it.
	@$(PY) -m benchmarks.fraud $(ARGS)

eval: development ## Measure the recommender over a file of ratings, DATA=file (or synthetic); ARGS=--json, --seed 2.
	@$(PY) -m benchmarks.evaluation "$${DATA:-synthetic}" $(ARGS)

# The locked files hold hashes and no addresses, so that any index and any folder of wheels may serve them.
# ARGS=--upgrade moves to newer versions.
LOCK = $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-annotate --no-header --no-emit-index-url --no-emit-find-links

lock: development ## Lock requirements*.in into requirements*.txt, with hashes.
	$(LOCK) $(ARGS) requirements.in -o requirements.txt
	$(LOCK) $(ARGS) requirements-dev.in -o requirements-dev.txt
	$(LOCK) $(ARGS) requirements-node.in -o requirements-node.txt
	$(LOCK) $(ARGS) -c requirements-dev.txt requirements-browser.in -o requirements-browser.txt

runtime:
	$(call install,requirements.txt,requirements.txt)

development:
	$(call install,requirements-dev.txt,requirements.txt requirements-dev.txt)

browser:
	$(call install,requirements-browser.txt,requirements-browser.txt)

graphiql: runtime
	@$(PY) -m web.graphiql.build

chromium:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	echo 'The browser tests need Chromium, and none is here.' >&2; \
	echo 'Install it (Debian: apt-get install chromium), then run make again.' >&2; exit 1

# $(call install,LOCK,STAMPS) puts what the file LOCK holds into .venv, unless .venv keeps an equal copy of it: the
# copies in STAMPS are written last. `unfinished` stands in .venv while pip works, so an installation that was cut off
# is made anew by the next run. Two runs at once wait for each other on a lock of the Makefile. pip also compiles the
# packages' bytecode, without which the start takes three times as long.
define install
@installed() { test ! -e .venv/unfinished && cmp -s $(1) .venv/$(1) && $(PY) -c '' 2>/dev/null; }; \
installed && exit 0; \
names='$(or $(PYTHON),python3.13 python3.12 python3.11 python3)'; python=''; bare=''; \
for name in $$names; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	if "$$name" -c 'import ensurepip, venv' 2>/dev/null; then python=$$name; break; fi; \
	bare=$${bare:-$$name}; \
done; \
if test -z "$$python" && test -n "$$bare"; then \
	package=$$("$$bare" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	echo "$$bare comes without its venv module, which Debian and Ubuntu keep in a package of its own." >&2; \
	echo "Install it (apt-get install $$package), then run make again." >&2; \
	exit 1; \
elif test -z "$$python"; then \
	echo "Porchlight needs Python 3.11 or newer; none was found as: $$names." >&2; \
	echo "Install it (Debian and Ubuntu: apt-get install python3 python3-venv; macOS: brew install python)," >&2; \
	echo "or say where it is: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python3" >&2; \
	exit 1; \
fi; \
exec 9<$(firstword $(MAKEFILE_LIST)); \
"$$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || exit 1; \
installed && exit 0; \
if test -e .venv/unfinished || ! $(PY) -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	rm -rf .venv && mkdir .venv && touch .venv/unfinished && "$$python" -m venv .venv || exit 1; \
fi; \
touch .venv/unfinished; \
echo "Installing $(1) into .venv, once: about a minute." >&2; \
$(PY) -m pip --disable-pip-version-check --quiet install --no-user --require-hashes -r $(1) || { \
	echo "$(1) was not installed: the reason stands above. The next run begins anew." >&2; exit 1; }; \
cp $(2) .venv/ && rm .venv/unfinished
endef
