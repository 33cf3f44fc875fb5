"""The admin site: access, sign-in and sign-out, the menu, the start page and the search box."""

from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import capfirst
from django.views.decorators.http import require_POST
from unfold.sites import UnfoldAdminSite

from config import search_index
from config.api import pagination
from config.backoffice import board, clock, finding, operators
from config.backoffice.bulk import pages as bulk_pages
from config.backoffice.links import build_panels
from config.backoffice.page_customer import get_page_customer
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.unsent_forms import keep, take
from config.search_index import upkeep

UNSENT_FORM = "Your session had ended, so nothing was saved. The form has what you typed: check it, then save."


def is_record_form(request: HttpRequest) -> bool:
    """Whether a page is the form of a record, which shows again what was typed."""
    name = str(request.resolver_match.url_name) if request.resolver_match else ""
    return name.endswith(("_change", "_add"))


class BackOfficeSite(UnfoldAdminSite):
    """Django's admin, for operators."""

    site_title = site_header = "Dutyline"
    index_title = "Attention"
    index_template = "backoffice/index.html"
    login_template = "backoffice/login.html"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return operators.READ in operators.rights_of(request.user)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """The view for operators; what anybody else has typed waits for their sign-in."""
        operator_view = super().admin_view(view, cacheable)

        @wraps(operator_view)
        def keep_typed(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not self.has_permission(request):
                keep(request)
            elif request.method == "GET" and (fields := take(request)):
                if not is_record_form(request):
                    return self.unsent_form_page(request, fields)
                request.unsent_form = fields  # type: ignore[attr-defined]
                messages.warning(request, UNSENT_FORM)
            return operator_view(request, *args, **kwargs)

        return keep_typed

    def unsent_form_page(self, request: HttpRequest, fields: QueryDict) -> HttpResponse:
        """What was typed before the session ended, to be sent again or not."""
        pairs = [(name, value) for name, values in fields.lists() for value in values]
        context = {
            **self.each_context(request),
            "title": "Your session had ended",
            "fields": pairs,
            "shown_fields": [(name, value) for name, value in pairs if value],
        }
        return TemplateResponse(request, "backoffice/unsent.html", context)

    def get_urls(self) -> list[URLPattern]:
        removed_names = {"view_on_site"}
        if not settings.LOCAL:
            removed_names |= {"password_change", "password_change_done"}
        urls = [url for url in super().get_urls() if getattr(url, "name", None) not in removed_names]
        return [
            path("find/", self.admin_view(self.find_view), name="find"),
            path("clock/", self.admin_view(require_POST(self.clock_view)), name="clock"),
            *bulk_pages.list_urls(self),
            path("board/", self.admin_view(require_POST(board.change_view)), name="board"),
            *urls,
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if not context["has_permission"]:
            return context
        granted = operators.rights_of(request.user)
        group_names = [name for name, group_rights in operators.GROUPS.items() if group_rights == granted]
        return {
            **context,
            "customers_url": reverse(settings.CUSTOMER_LIST),
            "page_customer": get_page_customer(request),
            "page_zone": clock.page_zone(),
            "shows_utc": clock.shows_utc(),
            "operator_name": operators.operator_name(request.user),
            "operator_group": group_names[0] if group_names else "",
            "may_write": operators.WRITE in granted,
        }

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The start page: what needs attention, across customers."""
        context = {
            **self.each_context(request),
            "title": self.index_title,
            "panels": build_panels(settings.START_PAGE_PANELS, None),
            "board": board.build_context(request),
        }
        request.current_app = self.name
        return TemplateResponse(request, self.index_template, context)

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Open what an id, an e-mail address, a number or a link names; else show what is found."""
        pasted = request.GET.get("q", "").strip()[: finding.MAX_TERM_LENGTH]
        admins = finding.list_findable(request, self._registry.values())
        if pasted and (url := finding.find_url(admins, pasted)):
            return HttpResponseRedirect(url)
        text, kind = pasted[: finding.MAX_TEXT_LENGTH].replace("\0", ""), request.GET.get("kind", "")[:3]
        scope = f"admin find {text} {kind}"
        cursor = pagination.decode_cursor(scope, request.GET.get("p"))
        page = finding.find_records(admins, text, kind=kind, cursor=cursor)
        next_cursor = pagination.encode_cursor(scope, page.next_cursor)
        context = {
            **self.each_context(request),
            "title": f"Find: {text}" if text else "Find",
            "find_text": text,
            "groups": page.groups,
            "is_too_short": search_index.parse_term(text).is_empty and not page.groups,
            "next_url": f"?{urlencode({'q': text, 'kind': kind, 'p': next_cursor})}" if next_cursor else "",
            "all_url": f"?{urlencode({'q': text})}" if kind or cursor else "",
            "is_incomplete": not page.groups and not upkeep.is_complete(),
        }
        return TemplateResponse(request, "backoffice/find.html", context)

    def clock_view(self, request: HttpRequest) -> HttpResponse:
        """Show times in UTC, or local ones again, and return to the page."""
        request.session[clock.SESSION_CLOCK] = "utc" if request.POST.get("clock") == "utc" else "local"
        target = request.POST.get("next", "")[:2000]
        is_page = target.startswith(settings.ADMIN_PATH) and url_has_allowed_host_and_scheme(target, None)
        return HttpResponseRedirect(target if is_page else reverse("admin:index"))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The page that leads to Auth0; in local development it takes a password, too."""
        next_url = request.GET.get("next", "") or reverse("admin:index")
        context = {"takes_password": settings.LOCAL, "next": next_url, "title": "Sign in"}
        if request.method == "POST" and not settings.LOCAL:
            return HttpResponseRedirect(reverse("admin:login"))
        return super().login(request, {**context, **(extra_context or {})})

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sign out here and at Auth0."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        backend = request.session.get("_auth_user_backend")
        logout(request)
        login_url = target = settings.PUBLIC_BASE_URL + reverse("admin:login")
        if backend == settings.AUTHENTICATION_BACKENDS[0]:
            params = {"client_id": settings.AUTH0["sso_client_id"], "returnTo": login_url}
            target = f"{settings.AUTH0['issuer']}v2/logout?{urlencode(params)}"
        return HttpResponseRedirect(target, headers={"Clear-Site-Data": '"cache", "storage"'})


def menu_sections(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu in the theme's format: lists by section."""
    items_by_section: dict[str, list[dict[str, Any]]] = {}
    for model_admin in admin.site._registry.values():
        if isinstance(model_admin, RecordAdmin):
            title = capfirst(str(model_admin.opts.verbose_name_plural))
            item = {"title": title, "icon": model_admin.icon, "link": model_admin.menu_url(request)}
            items_by_section.setdefault(model_admin.section, []).append(item)
    home = {"title": "Attention", "icon": "notifications", "link": reverse("admin:index")}
    bulk = {"title": "My bulk actions", "icon": "checklist", "link": reverse("admin:bulk_runs")}
    return [
        {
            "title": "",
            "separator": False,
            "items": [home, *([bulk] if operators.has_right(request, operators.WRITE) else [])],
        },
        *({"title": name, "separator": True, "items": items_by_section[name]} for name in settings.ADMIN_SECTIONS),
    ]
