"""``/legal/…``: the documents as pages that anybody can read, and as the text that was hashed."""

from datetime import UTC, datetime
from functools import cache

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from accounts.terms import documents
from config.api.published import CACHE_CONTROL

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The documents in force."""
    edition = documents.current_edition(datetime.now(UTC), _requested_language(request))
    return _render_page(request, "legal/index.html", {"edition": edition})


@require_safe
def current_document(request: HttpRequest, document: str) -> HttpResponse:
    """One document as it is in force now."""
    edition = documents.current_edition(datetime.now(UTC), _requested_language(request))
    for text in edition.texts:
        if text.document == document:
            return _render_text(request, text)
    raise Http404


@require_safe
def document_version(request: HttpRequest, document: str, version: str) -> HttpResponse:
    """One document in one version, also one that is no longer in force, or not yet."""
    text = documents.get_text(document, version, _requested_language(request))
    if text is None:
        raise Http404
    return _render_text(request, text)


def _render_text(request: HttpRequest, text: documents.LegalText) -> HttpResponse:
    if request.GET.get("format") == "text":
        response = HttpResponse(text.text, content_type="text/markdown; charset=utf-8")
        response["Cache-Control"] = CACHE_CONTROL
        return response
    return _render_page(request, "legal/document.html", {"text": text, "html": _markdown_to_html(text)})


@cache
def _markdown_to_html(text: documents.LegalText) -> SafeString:
    from markdown_it import MarkdownIt  # slow to import, and for these pages alone

    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(text.text)
    return SafeString(html)  # our own texts, and no HTML within them


def _render_page(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    response = render(request, template, context)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response["Cache-Control"] = CACHE_CONTROL
    return response


def _requested_language(request: HttpRequest) -> str:
    return request.GET.get("language", documents.BINDING_LANGUAGE)
