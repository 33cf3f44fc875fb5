# Each target is one line; config/local/setup.py brings what is missing.
.PHONY: run test check scale token lock openapi

run:
	@python3 config/local/setup.py run
	@exec .venv/bin/python manage.py run $(if $(FRESH),--fresh)

test:
	@python3 config/local/setup.py test
	@.venv/bin/python -m pytest -n 2

scale:
	@python3 config/local/setup.py test
	@SCALE=1 .venv/bin/python -m pytest -n 2

check:
	@python3 config/local/setup.py test
	@.venv/bin/python config/local/check.py

token:
	@python3 config/local/token.py "$(USER)" "$(PASSWORD)"

openapi:
	@.venv/bin/python manage.py spectacular --validate --file docs/openapi.yaml

lock:
	@.venv/bin/python config/local/lock.py
