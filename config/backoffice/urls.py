"""Every path of the back office."""

from django.contrib import admin
from django.urls import include, path
from django.utils.module_loading import autodiscover_modules

autodiscover_modules("admin", register_to=admin.site)

urlpatterns = [
    path("sign-in/", include("accounts.sign_in")),
    path("", admin.site.urls),
]
