"""The typed client that is checked in is the one that the OpenAPI document makes, and calls the service."""

from pathlib import Path

import pytest

from gatehouse_client import AuthenticatedClient
from gatehouse_client.api.customers import customers_page, customers_register, customers_show
from gatehouse_client.models import CustomerPage, CustomerRegistration, ProblemDetails, RegisteredCustomer
from gatehouse_client.types import UNSET
from infrastructure import client_generation
from infrastructure.client_generation import generate, generated, write
from tests.support.http import MISSING, fresh_wallet
from tests.support.world import World

pytestmark = pytest.mark.anyio


def test_the_client_is_not_stale() -> None:
    assert generate() == generated(), "run ./run docs, then ./run client"


def test_what_was_generated_before_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_generation, "CLIENT", tmp_path)
    (tmp_path / "gone.py").write_text("")

    assert write({"api/here.py": "here = 1\n"})
    assert generated() == {"api/here.py": "here = 1\n"}
    assert not write({"api/here.py": "here = 1\n"})


async def test_a_partner_calls_with_types(world: World) -> None:
    key = world.partner.headers["Authorization"].removeprefix("Bearer ")
    async with AuthenticatedClient(base_url=world.url, token=key) as client:
        body = CustomerRegistration(chain_id=fresh_wallet().account, external_id="typed")

        made = await customers_register.asyncio(client=client, body=body)
        again = await customers_register.asyncio(client=client, body=body)
        missing = await customers_show.asyncio(MISSING, client=client)  # type: ignore[arg-type] # a text is as good
        await world.project()
        page = await customers_page.asyncio(client=client, external_id="typed", status="initiating")

    assert isinstance(made, RegisteredCustomer)
    assert made.status == "initiating"
    assert made.created_at.tzinfo is not None
    assert isinstance(again, ProblemDetails)
    assert (again.code, again.id) == ("customer_exists", made.id)
    assert isinstance(missing, ProblemDetails)
    assert (missing.status, missing.id) == (404, UNSET)
    assert isinstance(page, CustomerPage)
    assert [customer.id for customer in page.customers] == [made.id]
    assert page.next_cursor is UNSET
