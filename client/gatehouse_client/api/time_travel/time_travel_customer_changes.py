import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx2

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.customer_changes import CustomerChanges
from ...models.problem_details import ProblemDetails
from ...models.time_travel_customer_changes_clock import (
    TimeTravelCustomerChangesClock,
)
from ...types import UNSET, Response, Unset


def _get_kwargs(
    customer_id: UUID,
    *,
    from_: datetime.datetime | str,
    to: datetime.datetime | str,
    clock: TimeTravelCustomerChangesClock | Unset = "recorded",
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(prefer, Unset):
        headers["Prefer"] = prefer

    params: dict[str, Any] = {}

    json_from_: str
    if isinstance(from_, datetime.datetime):
        json_from_ = from_.isoformat()
    else:
        json_from_ = from_
    params["from"] = json_from_

    json_to: str
    if isinstance(to, datetime.datetime):
        json_to = to.isoformat()
    else:
        json_to = to
    params["to"] = json_to

    json_clock: str | Unset = UNSET
    if not isinstance(clock, Unset):
        json_clock = clock

    params["clock"] = json_clock

    params["wait"] = wait

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/customers/{customer_id}/changes".format(
            customer_id=quote(str(customer_id), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx2.Response
) -> CustomerChanges | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = CustomerChanges.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ProblemDetails.from_dict(response.json())

        return response_404

    if response.status_code == 422:
        response_422 = ProblemDetails.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = ProblemDetails.from_dict(response.json())

        return response_429

    if response.status_code == 500:
        response_500 = ProblemDetails.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = ProblemDetails.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx2.Response
) -> Response[CustomerChanges | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    customer_id: UUID,
    *,
    client: AuthenticatedClient,
    from_: datetime.datetime | str,
    to: datetime.datetime | str,
    clock: TimeTravelCustomerChangesClock | Unset = "recorded",
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[CustomerChanges | ProblemDetails]:
    """Compare a customer at two moments

     Both views, and the names of the fields that differ.

    Roles: auditor, officer, partner.

    Args:
        customer_id (UUID):
        from_ (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        to (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        clock (TimeTravelCustomerChangesClock | Unset): `recorded`: what did we know then?
            `occurred`: what was true then, as we know now? Default: 'recorded'.
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CustomerChanges | ProblemDetails]
    """

    kwargs = _get_kwargs(
        customer_id=customer_id,
        from_=from_,
        to=to,
        clock=clock,
        wait=wait,
        prefer=prefer,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    customer_id: UUID,
    *,
    client: AuthenticatedClient,
    from_: datetime.datetime | str,
    to: datetime.datetime | str,
    clock: TimeTravelCustomerChangesClock | Unset = "recorded",
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> CustomerChanges | ProblemDetails | None:
    """Compare a customer at two moments

     Both views, and the names of the fields that differ.

    Roles: auditor, officer, partner.

    Args:
        customer_id (UUID):
        from_ (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        to (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        clock (TimeTravelCustomerChangesClock | Unset): `recorded`: what did we know then?
            `occurred`: what was true then, as we know now? Default: 'recorded'.
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CustomerChanges | ProblemDetails
    """

    return sync_detailed(
        customer_id=customer_id,
        client=client,
        from_=from_,
        to=to,
        clock=clock,
        wait=wait,
        prefer=prefer,
    ).parsed


async def asyncio_detailed(
    customer_id: UUID,
    *,
    client: AuthenticatedClient,
    from_: datetime.datetime | str,
    to: datetime.datetime | str,
    clock: TimeTravelCustomerChangesClock | Unset = "recorded",
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[CustomerChanges | ProblemDetails]:
    """Compare a customer at two moments

     Both views, and the names of the fields that differ.

    Roles: auditor, officer, partner.

    Args:
        customer_id (UUID):
        from_ (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        to (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        clock (TimeTravelCustomerChangesClock | Unset): `recorded`: what did we know then?
            `occurred`: what was true then, as we know now? Default: 'recorded'.
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CustomerChanges | ProblemDetails]
    """

    kwargs = _get_kwargs(
        customer_id=customer_id,
        from_=from_,
        to=to,
        clock=clock,
        wait=wait,
        prefer=prefer,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    customer_id: UUID,
    *,
    client: AuthenticatedClient,
    from_: datetime.datetime | str,
    to: datetime.datetime | str,
    clock: TimeTravelCustomerChangesClock | Unset = "recorded",
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> CustomerChanges | ProblemDetails | None:
    """Compare a customer at two moments

     Both views, and the names of the fields that differ.

    Roles: auditor, officer, partner.

    Args:
        customer_id (UUID):
        from_ (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        to (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        clock (TimeTravelCustomerChangesClock | Unset): `recorded`: what did we know then?
            `occurred`: what was true then, as we know now? Default: 'recorded'.
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CustomerChanges | ProblemDetails
    """

    return (
        await asyncio_detailed(
            customer_id=customer_id,
            client=client,
            from_=from_,
            to=to,
            clock=clock,
            wait=wait,
            prefer=prefer,
        )
    ).parsed
