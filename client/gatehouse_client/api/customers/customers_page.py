import datetime
from http import HTTPStatus
from typing import Any

import httpx2

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.customer_page import CustomerPage
from ...models.customers_page_clock import CustomersPageClock
from ...models.problem_details import ProblemDetails
from ...models.status import Status
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    status: Status | Unset = UNSET,
    external_id: str | Unset = UNSET,
    chain_id: str | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    as_of: datetime.datetime | str | Unset = UNSET,
    clock: CustomersPageClock | Unset = "recorded",
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(prefer, Unset):
        headers["Prefer"] = prefer

    params: dict[str, Any] = {}

    json_status: str | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = status

    params["status"] = json_status

    params["externalId"] = external_id

    params["chainId"] = chain_id

    json_created_after: str | Unset = UNSET
    if not isinstance(created_after, Unset):
        json_created_after = created_after.isoformat()
    params["createdAfter"] = json_created_after

    json_as_of: str | Unset
    if isinstance(as_of, Unset):
        json_as_of = UNSET
    elif isinstance(as_of, datetime.datetime):
        json_as_of = as_of.isoformat()
    else:
        json_as_of = as_of
    params["asOf"] = json_as_of

    json_clock: str | Unset = UNSET
    if not isinstance(clock, Unset):
        json_clock = clock

    params["clock"] = json_clock

    params["limit"] = limit

    params["cursor"] = cursor

    params["wait"] = wait

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/customers",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx2.Response
) -> CustomerPage | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = CustomerPage.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

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
) -> Response[CustomerPage | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    status: Status | Unset = UNSET,
    external_id: str | Unset = UNSET,
    chain_id: str | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    as_of: datetime.datetime | str | Unset = UNSET,
    clock: CustomersPageClock | Unset = "recorded",
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[CustomerPage | ProblemDetails]:
    """List customers, newest first

     One page, as of now or as of `asOf`; the cursor goes on where it ends, whatever is recorded
    meanwhile.

    Roles: auditor, officer, partner.

    Args:
        status (Status | Unset): What a partner sees, and all it sees.
        external_id (str | Unset):
        chain_id (str | Unset): A CAIP-10 account of an EVM chain; mixed case carries the EIP-55
            checksum.
        created_after (datetime.datetime | Unset):
        as_of (datetime.datetime | str | Unset): A position of the log, or an RFC 3339 time.
        clock (CustomersPageClock | Unset): `recorded`: what did we know then? `occurred`: what
            was true then, as we know now? Default: 'recorded'.
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CustomerPage | ProblemDetails]
    """

    kwargs = _get_kwargs(
        status=status,
        external_id=external_id,
        chain_id=chain_id,
        created_after=created_after,
        as_of=as_of,
        clock=clock,
        limit=limit,
        cursor=cursor,
        wait=wait,
        prefer=prefer,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    status: Status | Unset = UNSET,
    external_id: str | Unset = UNSET,
    chain_id: str | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    as_of: datetime.datetime | str | Unset = UNSET,
    clock: CustomersPageClock | Unset = "recorded",
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> CustomerPage | ProblemDetails | None:
    """List customers, newest first

     One page, as of now or as of `asOf`; the cursor goes on where it ends, whatever is recorded
    meanwhile.

    Roles: auditor, officer, partner.

    Args:
        status (Status | Unset): What a partner sees, and all it sees.
        external_id (str | Unset):
        chain_id (str | Unset): A CAIP-10 account of an EVM chain; mixed case carries the EIP-55
            checksum.
        created_after (datetime.datetime | Unset):
        as_of (datetime.datetime | str | Unset): A position of the log, or an RFC 3339 time.
        clock (CustomersPageClock | Unset): `recorded`: what did we know then? `occurred`: what
            was true then, as we know now? Default: 'recorded'.
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CustomerPage | ProblemDetails
    """

    return sync_detailed(
        client=client,
        status=status,
        external_id=external_id,
        chain_id=chain_id,
        created_after=created_after,
        as_of=as_of,
        clock=clock,
        limit=limit,
        cursor=cursor,
        wait=wait,
        prefer=prefer,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    status: Status | Unset = UNSET,
    external_id: str | Unset = UNSET,
    chain_id: str | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    as_of: datetime.datetime | str | Unset = UNSET,
    clock: CustomersPageClock | Unset = "recorded",
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[CustomerPage | ProblemDetails]:
    """List customers, newest first

     One page, as of now or as of `asOf`; the cursor goes on where it ends, whatever is recorded
    meanwhile.

    Roles: auditor, officer, partner.

    Args:
        status (Status | Unset): What a partner sees, and all it sees.
        external_id (str | Unset):
        chain_id (str | Unset): A CAIP-10 account of an EVM chain; mixed case carries the EIP-55
            checksum.
        created_after (datetime.datetime | Unset):
        as_of (datetime.datetime | str | Unset): A position of the log, or an RFC 3339 time.
        clock (CustomersPageClock | Unset): `recorded`: what did we know then? `occurred`: what
            was true then, as we know now? Default: 'recorded'.
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CustomerPage | ProblemDetails]
    """

    kwargs = _get_kwargs(
        status=status,
        external_id=external_id,
        chain_id=chain_id,
        created_after=created_after,
        as_of=as_of,
        clock=clock,
        limit=limit,
        cursor=cursor,
        wait=wait,
        prefer=prefer,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    status: Status | Unset = UNSET,
    external_id: str | Unset = UNSET,
    chain_id: str | Unset = UNSET,
    created_after: datetime.datetime | Unset = UNSET,
    as_of: datetime.datetime | str | Unset = UNSET,
    clock: CustomersPageClock | Unset = "recorded",
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> CustomerPage | ProblemDetails | None:
    """List customers, newest first

     One page, as of now or as of `asOf`; the cursor goes on where it ends, whatever is recorded
    meanwhile.

    Roles: auditor, officer, partner.

    Args:
        status (Status | Unset): What a partner sees, and all it sees.
        external_id (str | Unset):
        chain_id (str | Unset): A CAIP-10 account of an EVM chain; mixed case carries the EIP-55
            checksum.
        created_after (datetime.datetime | Unset):
        as_of (datetime.datetime | str | Unset): A position of the log, or an RFC 3339 time.
        clock (CustomersPageClock | Unset): `recorded`: what did we know then? `occurred`: what
            was true then, as we know now? Default: 'recorded'.
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CustomerPage | ProblemDetails
    """

    return (
        await asyncio_detailed(
            client=client,
            status=status,
            external_id=external_id,
            chain_id=chain_id,
            created_after=created_after,
            as_of=as_of,
            clock=clock,
            limit=limit,
            cursor=cursor,
            wait=wait,
            prefer=prefer,
        )
    ).parsed
