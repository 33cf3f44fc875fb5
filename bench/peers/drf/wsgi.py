"""``granian --interface wsgi bench.peers.drf.wsgi:application``."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.peers.drf.settings"

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
