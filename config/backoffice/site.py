"""The site: who may enter, how one comes and goes, and finding anything by what it is called."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_POST
from unfold.sites import UnfoldAdminSite

from config.backoffice import audit_context, operator_permissions
from config.backoffice.record_admin import SESSION_CUSTOMER, RecordAdmin


class BackOfficeSite(UnfoldAdminSite):
    """The back office."""

    site_title = site_header = "Dutyline"
    index_title = "Attention"
    index_template = "backoffice/index.html"
    login_template = "backoffice/login.html"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return operator_permissions.READ in operator_permissions.operator_rights(request.user)

    def get_urls(self) -> list[URLPattern]:
        removed_names = {"view_on_site"}
        if not settings.LOCAL:
            removed_names |= {"password_change", "password_change_done"}
        urls = [url for url in super().get_urls() if getattr(url, "name", None) not in removed_names]
        return [
            path("find/", self.admin_view(self.find_view), name="find"),
            path("customer/", self.admin_view(require_POST(self.leave_customer_view)), name="switch"),
            *urls,
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if not context["has_permission"]:
            return context
        granted = operator_permissions.operator_rights(request.user)
        group_names = [name for name, group_rights in operator_permissions.GROUPS.items() if group_rights == granted]
        return {
            **context,
            "customer": request.session.get(SESSION_CUSTOMER),
            "operator_name": audit_context.operator_name(request.user),
            "operator_group": group_names[0] if group_names else "",
            "may_write": operator_permissions.WRITE in granted,
        }

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """What needs attention."""
        customer = request.session.get(SESSION_CUSTOMER)
        panel_functions = [import_string(dotted_path) for dotted_path in settings.ATTENTION_PANELS]
        panel_lists = [panel(customer["id"] if customer else None) for panel in panel_functions]
        context = {
            **self.each_context(request),
            "title": self.index_title,
            "panels": [panel for panel_list in panel_lists for panel in panel_list],
        }
        request.current_app = self.name
        return TemplateResponse(request, self.index_template, context)

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Go to what an id, an e-mail address or a number names; else show customers by name."""
        term = request.GET.get("q", "").strip()[:200]
        for model_admin in self._registry.values():
            if term and isinstance(model_admin, RecordAdmin) and (pk := model_admin.find_pk(term)):
                return HttpResponseRedirect(model_admin.url_for_pk(pk))
        query = urlencode({"q": term}) if term else ""
        return HttpResponseRedirect(f"{reverse('admin:accounts_customer_changelist')}?{query}")

    def leave_customer_view(self, request: HttpRequest) -> HttpResponse:
        """Show the lists of no customer in particular."""
        request.session.pop(SESSION_CUSTOMER, None)
        return HttpResponseRedirect(reverse("admin:index"))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The page from which one goes to Auth0; on one's own machine, also with a password."""
        next_url = request.GET.get("next", "") or reverse("admin:index")
        context = {"takes_password": settings.LOCAL, "next": next_url, "title": "Sign in"}
        if request.method == "POST" and not settings.LOCAL:
            return HttpResponseRedirect(reverse("admin:login"))
        return super().login(request, {**context, **(extra_context or {})})

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Leave here, and at Auth0 too."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        backend = request.session.get("_auth_user_backend")
        logout(request)
        login_url = settings.PUBLIC_BASE_URL + reverse("admin:login")
        if backend != settings.AUTHENTICATION_BACKENDS[0]:
            return HttpResponseRedirect(login_url)
        params = {"client_id": settings.AUTH0["sso_client_id"], "returnTo": login_url}
        return HttpResponseRedirect(f"{settings.AUTH0['issuer']}v2/logout?{urlencode(params)}")
