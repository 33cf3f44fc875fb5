"""Django's admin with our site."""

from django.contrib.admin.apps import SimpleAdminConfig


class BackOffice(SimpleAdminConfig):
    """The admin; its modules are found when its paths are, so that workers never load them."""

    default_site = "config.backoffice.site.Site"
