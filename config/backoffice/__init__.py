"""Django's admin over DynamoDB records."""

from django.apps import apps
from django.conf import settings
from django.contrib.admin.apps import SimpleAdminConfig


class BackOfficeConfig(SimpleAdminConfig):
    """Django's admin with our site. Workers never load its pages: the URLs import them."""

    default_site = "config.backoffice.site.BackOfficeSite"

    def ready(self) -> None:
        """Name the apps as operators know them."""
        super().ready()
        for label, name in settings.APP_DISPLAY_NAMES.items():
            apps.get_app_config(label).verbose_name = name
