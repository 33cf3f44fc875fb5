"""``/legal/…``: the documents as pages that anybody can read, and as the text that was hashed."""

from datetime import UTC, datetime
from functools import cache

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt

from accounts.terms import documents

POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The documents in force."""
    edition = documents.in_force(datetime.now(UTC), _language(request))
    return _page(request, "legal/index.html", {"edition": edition})


@require_safe
def current(request: HttpRequest, document: str) -> HttpResponse:
    """One document as it is in force now."""
    edition = documents.in_force(datetime.now(UTC), _language(request))
    for text in edition.texts:
        if text.document == document:
            return _show(request, text)
    raise Http404


@require_safe
def one(request: HttpRequest, document: str, version: str) -> HttpResponse:
    """One document in one version, also one that is no longer in force, or not yet."""
    text = documents.text(document, version, _language(request))
    if text is None:
        raise Http404
    return _show(request, text)


def _show(request: HttpRequest, text: documents.Text) -> HttpResponse:
    if request.GET.get("format") == "text":
        return HttpResponse(text.text, content_type="text/markdown; charset=utf-8")
    return _page(request, "legal/document.html", {"text": text, "html": _html(text)})


@cache
def _html(text: documents.Text) -> SafeString:
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(text.text)
    return SafeString(html)  # our own texts, and no HTML within them


def _page(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    answer = render(request, template, context)
    answer["Content-Security-Policy"] = POLICY
    answer["Cache-Control"] = "public, max-age=300"
    return answer


def _language(request: HttpRequest) -> str:
    return request.GET.get("language", documents.BINDING)
