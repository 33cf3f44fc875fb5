"""Where pages of records lead: to the lists of their customer, never to those of another."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.http import urlencode

from config.backoffice.forms.actions import ButtonAdmin
from config.backoffice.links import admin_change_url
from config.backoffice.page_customer import get_page_customer, set_page_customer


class RecordNavigation(ButtonAdmin):
    """The customer of a record, and URLs of its page and list."""

    customer_field: ClassVar[str | None] = "customer_id"
    """The attribute with the customer's id."""
    link_rights: ClassVar[Mapping[str, str]] = {}
    """The rights that the pages of related links require, by the names of the links."""

    def owner_of(self, obj: Any) -> str | None:
        """The id of a record's customer, or of a person or location of the customer."""
        return getattr(obj.record, "customer_id", None)

    def customer_filters(self, customer_id: str) -> dict[str, str]:
        """The filters with which the list shows the records of a customer, if it can."""
        raise NotImplementedError

    def response_post_save_add(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Redirect to the list that the page was opened from, or that of the record's customer."""
        preserved = QueryDict(self.get_preserved_filters(request)).get("_changelist_filters")
        set_page_customer(request, self.owner_of(obj))
        return HttpResponseRedirect(f"{self.list_url}?{preserved}" if preserved else self.menu_url(request))

    response_post_save_change = response_post_save_add

    def url_for_pk(self, pk: str) -> str:
        """The URL of a record's page."""
        return admin_change_url(self.opts.app_label, str(self.opts.model_name), pk)

    def menu_url(self, request: HttpRequest) -> str:
        """The URL of the list, of the customer of the page if it has one."""
        customer = get_page_customer(request)
        filters = self.customer_filters(customer.id) if customer else {}
        return f"{self.list_url}?{urlencode(filters)}" if filters else self.list_url

    @property
    def list_url(self) -> str:
        """The URL of the list, of all customers."""
        raise NotImplementedError
