"""The site: who may enter, how one comes and goes, and finding anything by what it is called."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_POST
from unfold.sites import UnfoldAdminSite

from config.backoffice import operator_actor, operator_permissions
from config.backoffice.record_admin import CUSTOMER, RecordAdmin


class Site(UnfoldAdminSite):
    """The back office."""

    site_title = site_header = "Dutyline"
    index_title = "Attention"
    index_template = "backoffice/index.html"
    login_template = "backoffice/login.html"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return operator_permissions.READ in operator_permissions.of(request.user)

    def get_urls(self) -> list[URLPattern]:
        gone = {"view_on_site"}
        if not settings.LOCAL:
            gone |= {"password_change", "password_change_done"}
        urls = [one for one in super().get_urls() if getattr(one, "name", None) not in gone]
        return [
            path("find/", self.admin_view(self.find), name="find"),
            path("customer/", self.admin_view(require_POST(self.switch)), name="switch"),
            *urls,
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if not context["has_permission"]:
            return context
        held = operator_permissions.of(request.user)
        names = [name for name, given in operator_permissions.GROUPS.items() if given == held]
        return {
            **context,
            "customer": request.session.get(CUSTOMER),
            "operator_name": operator_actor.name_of(request.user),
            "operator_group": names[0] if names else "",
            "may_write": operator_permissions.WRITE in held,
        }

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """What needs attention."""
        customer = request.session.get(CUSTOMER)
        panels = [import_string(path) for path in settings.ATTENTION]
        shown = [panel(customer["id"] if customer else None) for panel in panels]
        context = {
            **self.each_context(request),
            "title": self.index_title,
            "panels": [panel for found in shown for panel in found],
        }
        request.current_app = self.name
        return TemplateResponse(request, self.index_template, context)

    def find(self, request: HttpRequest) -> HttpResponse:
        """Go to what an id, an e-mail address or a number names; else show customers by name."""
        term = request.GET.get("q", "").strip()[:200]
        for admin in self._registry.values():
            if term and isinstance(admin, RecordAdmin) and (pk := admin.find(term)):
                return HttpResponseRedirect(admin.page_at(pk))
        found = urlencode({"q": term}) if term else ""
        return HttpResponseRedirect(f"{reverse('admin:accounts_customer_changelist')}?{found}")

    def switch(self, request: HttpRequest) -> HttpResponse:
        """Show the lists of no customer in particular."""
        request.session.pop(CUSTOMER, None)
        return HttpResponseRedirect(reverse("admin:index"))

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page from which one goes to Auth0; on one's own machine, also with a password."""
        wanted = request.GET.get("next", "") or reverse("admin:index")
        about = {"takes_password": settings.LOCAL, "next": wanted, "title": "Sign in"}
        if request.method == "POST" and not settings.LOCAL:
            return HttpResponseRedirect(reverse("admin:login"))
        return super().login(request, {**about, **(extra_context or {})})

    def logout(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Leave here, and at Auth0 too."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        backend = request.session.get("_auth_user_backend")
        logout(request)
        home = settings.PUBLIC_BASE_URL + reverse("admin:login")
        if backend != settings.AUTHENTICATION_BACKENDS[0]:
            return HttpResponseRedirect(home)
        given = {"client_id": settings.AUTH0["sso_client_id"], "returnTo": home}
        return HttpResponseRedirect(f"{settings.AUTH0['issuer']}v2/logout?{urlencode(given)}")
