# config/local/setup.py brings what is missing.
.PHONY: run test check scale token manage lock openapi

run:
	@python3 -m config.local.setup run
	@exec .venv/bin/python manage.py run $(if $(FRESH),--fresh)

test:
	@python3 -m config.local.setup test
	@.venv/bin/python -m pytest -n 2 --dist worksteal

scale:
	@python3 -m config.local.setup test
	@SCALE=1 .venv/bin/python -m pytest -n 2 --dist worksteal

check:
	@python3 -m config.local.setup test
	@.venv/bin/python -m config.local.check

token:
	@python3 -m config.local.sign_in "$(USER)" "$(PASSWORD)"

manage:
	@.venv/bin/python -m config.local.manage $(CMD)

openapi:
	@.venv/bin/python -m config.local.openapi

lock:
	@.venv/bin/python -m config.local.lock
