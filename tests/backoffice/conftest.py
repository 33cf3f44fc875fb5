"""Operator sessions of each group, for all back office tests."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker

from tests.support.operators import OperatorSession, open_operator_session


@pytest.fixture(scope="session")
def operator_sessions(backoffice_url: str) -> Iterator[dict[str, OperatorSession]]:
    """A signed-in operator of each group, by group."""
    names_by_group = {"lead": "olive", "support": "oscar", "read-only": "rita"}
    with ExitStack() as stack:
        sessions = {group: stack.enter_context(open_operator_session(backoffice_url)) for group in names_by_group}
        for group, name in names_by_group.items():
            response = sessions[group].sign_in(f"{name}@dutyline.example")
            assert response.status_code == 200, response.text
            assert f", {group}</p>" in response.text
        yield sessions


@pytest.fixture
def operators_database(backoffice_url: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database of the web process, through Django: pytest-django would refuse it otherwise."""
    with django_db_blocker.unblock():
        yield
        connections.close_all()
