"""Every path of the product."""

from django.urls import URLResolver, include, path
from django.urls.resolvers import RoutePattern
from django.views.generic import RedirectView

from config import health
from config.api import docs, error_catalog, problem_details, published

urlpatterns = [
    path("", include("telephony.urls")),  # before `userManagement/{id}` of accounts: it has paths below
    path("", include("staffing.urls")),
    path("", include("accounts.urls")),
    URLResolver(RoutePattern("admin/"), "config.backoffice.urls"),  # which is imported for its first request
    path("admin", RedirectView.as_view(url="/admin/")),
    path("readyz", health.readiness),
    path("docs/errors", error_catalog.errors_page, name="errors"),
    path("docs/", docs.ApiDocsView.as_view(), name="docs"),
    path("docs/oauth2-redirect.html", docs.sign_in_redirect),
    path("docs", RedirectView.as_view(pattern_name="docs")),
    path("", RedirectView.as_view(pattern_name="docs")),
    path("openapi.json", published.openapi_json, name="openapi"),
    path("openapi.yaml", published.openapi_yaml),
]

handler400 = problem_details.bad_request
handler404 = problem_details.not_found
handler500 = problem_details.server_error
