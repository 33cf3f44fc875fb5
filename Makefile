# config/dev/bootstrap.py brings what is missing.
.PHONY: run test engines check scale bench load images token manage lock openapi

run:
	@python3 -m config.dev.bootstrap run
	@exec .venv/bin/python manage.py run $(if $(FRESH),--fresh)

# One process more than CI has cores: tests often wait.
# Compiled modules are stored: each of a hundred processes would compile them for 0.5 s of CPU.
test:
	@python3 -m config.dev.bootstrap test
	@PYTHONDONTWRITEBYTECODE= .venv/bin/python -m pytest -n 3 --dist worksteal

# What touches the stores, over AWS's DynamoDB Local and PostgreSQL in place of the embedded engines.
ENGINE_TESTS = tests/config/dynamodb tests/config/journal tests/config/outbox tests/config/audit \
	tests/backoffice/test_sign_in.py tests/backoffice/test_secret_keys.py tests/backoffice/test_querysets.py \
	tests/staffing/schedules/test_commands.py tests/staffing/schedules/test_concurrent_changes.py \
	tests/test_contract.py tests/test_isolation.py tests/test_replays.py
engines:
	@SQL_ENGINE=postgresql python3 -m config.dev.bootstrap test
	@PYTHONDONTWRITEBYTECODE= DYNAMODB_ENGINE=java SQL_ENGINE=postgresql \
		.venv/bin/python -m pytest -n 2 --dist worksteal $(ENGINE_TESTS)

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
