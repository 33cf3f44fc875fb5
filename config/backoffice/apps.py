"""Django's admin with our site."""

from django.apps import apps
from django.conf import settings
from django.contrib.admin.apps import SimpleAdminConfig


class BackOfficeConfig(SimpleAdminConfig):
    """The admin; its modules are found when its paths are, so that workers never load them."""

    default_site = "config.backoffice.site.BackOfficeSite"

    def ready(self) -> None:
        """Call the floors what support people call them."""
        super().ready()
        for label, name in settings.APP_DISPLAY_NAMES.items():
            apps.get_app_config(label).verbose_name = name
