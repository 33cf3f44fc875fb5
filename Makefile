# config/dev/bootstrap.py brings what is missing.
.PHONY: run test check scale bench load images token manage lock openapi

run:
	@python3 -m config.dev.bootstrap run
	@exec .venv/bin/python manage.py run $(if $(FRESH),--fresh)

# Compiled modules are stored: each of a hundred processes would compile them for 0.5 s of CPU.
test:
	@python3 -m config.dev.bootstrap test
	@PYTHONDONTWRITEBYTECODE= .venv/bin/python -m pytest -n 2 --dist worksteal

scale:
	@python3 -m config.dev.bootstrap test
	@PYTHONDONTWRITEBYTECODE= SCALE=1 .venv/bin/python -m pytest -n 2 --dist worksteal
	@SECONDS=10 OPERATIONS=post .venv/bin/python -m deploy.load

bench:
	@python3 -m config.dev.bootstrap bench
	@.venv/bin/python -m bench

# Overload, on one machine: deploy/load/README.md.
load:
	@python3 -m config.dev.bootstrap test
	@.venv/bin/python -m deploy.load

check:
	@python3 -m config.dev.bootstrap test
	@.venv/bin/python -m config.dev.check

images:
	@.venv/bin/python -m config.dev.image_check

token:
	@python3 -m config.dev.running token "$(USER)" "$(PASSWORD)"

manage:
	@python3 -m config.dev.running manage $(CMD)

openapi:
	@.venv/bin/python -m config.dev.openapi

lock:
	@.venv/bin/python -m config.dev.locks
