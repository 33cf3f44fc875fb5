"""Django as a WSGI application, which `config.asgi` runs in threads."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

from config import zone_rules  # noqa: E402 - they need the applications
from config.dynamodb import key_checks  # noqa: E402

key_checks.require_right_keys()
zone_rules.refresh()
zone_rules.start_refreshing()
