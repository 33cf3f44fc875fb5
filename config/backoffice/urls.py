"""Paths of the back office."""

from importlib import import_module

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

for _name in settings.BACK_OFFICE_MODULES:
    import_module(_name)  # registers its pages

urlpatterns = [path("sign-in/", include("accounts.auth.operator_views")), path("", admin.site.urls)]
