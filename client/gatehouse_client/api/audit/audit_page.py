import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx2

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.audit_page import AuditPage
from ...models.audit_page_type import AuditPageType
from ...models.problem_details import ProblemDetails
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    type_: AuditPageType | Unset = UNSET,
    actor: str | Unset = UNSET,
    recorded_from: datetime.datetime | Unset = UNSET,
    recorded_until: datetime.datetime | Unset = UNSET,
    customer: UUID | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(prefer, Unset):
        headers["Prefer"] = prefer

    params: dict[str, Any] = {}

    json_type_: str | Unset = UNSET
    if not isinstance(type_, Unset):
        json_type_ = type_

    params["type"] = json_type_

    params["actor"] = actor

    json_recorded_from: str | Unset = UNSET
    if not isinstance(recorded_from, Unset):
        json_recorded_from = recorded_from.isoformat()
    params["recordedFrom"] = json_recorded_from

    json_recorded_until: str | Unset = UNSET
    if not isinstance(recorded_until, Unset):
        json_recorded_until = recorded_until.isoformat()
    params["recordedUntil"] = json_recorded_until

    json_customer: str | Unset = UNSET
    if not isinstance(customer, Unset):
        json_customer = str(customer)
    params["customer"] = json_customer

    params["limit"] = limit

    params["cursor"] = cursor

    params["wait"] = wait

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/audit/events",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx2.Response
) -> AuditPage | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = AuditPage.from_dict(response.json())

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
) -> Response[AuditPage | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    type_: AuditPageType | Unset = UNSET,
    actor: str | Unset = UNSET,
    recorded_from: datetime.datetime | Unset = UNSET,
    recorded_until: datetime.datetime | Unset = UNSET,
    customer: UUID | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[AuditPage | ProblemDetails]:
    """Search all events, newest first

     As they are stored; personal text is sealed. Part of a long log is searched at a time.

            So a page may be short, or empty, and have a `nextCursor` still: the search is over where
    there is none.

    Roles: auditor, officer.

    Args:
        type_ (AuditPageType | Unset):
        actor (str | Unset):
        recorded_from (datetime.datetime | Unset):
        recorded_until (datetime.datetime | Unset): Exclusive.
        customer (UUID | Unset):
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AuditPage | ProblemDetails]
    """

    kwargs = _get_kwargs(
        type_=type_,
        actor=actor,
        recorded_from=recorded_from,
        recorded_until=recorded_until,
        customer=customer,
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
    type_: AuditPageType | Unset = UNSET,
    actor: str | Unset = UNSET,
    recorded_from: datetime.datetime | Unset = UNSET,
    recorded_until: datetime.datetime | Unset = UNSET,
    customer: UUID | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> AuditPage | ProblemDetails | None:
    """Search all events, newest first

     As they are stored; personal text is sealed. Part of a long log is searched at a time.

            So a page may be short, or empty, and have a `nextCursor` still: the search is over where
    there is none.

    Roles: auditor, officer.

    Args:
        type_ (AuditPageType | Unset):
        actor (str | Unset):
        recorded_from (datetime.datetime | Unset):
        recorded_until (datetime.datetime | Unset): Exclusive.
        customer (UUID | Unset):
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AuditPage | ProblemDetails
    """

    return sync_detailed(
        client=client,
        type_=type_,
        actor=actor,
        recorded_from=recorded_from,
        recorded_until=recorded_until,
        customer=customer,
        limit=limit,
        cursor=cursor,
        wait=wait,
        prefer=prefer,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    type_: AuditPageType | Unset = UNSET,
    actor: str | Unset = UNSET,
    recorded_from: datetime.datetime | Unset = UNSET,
    recorded_until: datetime.datetime | Unset = UNSET,
    customer: UUID | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[AuditPage | ProblemDetails]:
    """Search all events, newest first

     As they are stored; personal text is sealed. Part of a long log is searched at a time.

            So a page may be short, or empty, and have a `nextCursor` still: the search is over where
    there is none.

    Roles: auditor, officer.

    Args:
        type_ (AuditPageType | Unset):
        actor (str | Unset):
        recorded_from (datetime.datetime | Unset):
        recorded_until (datetime.datetime | Unset): Exclusive.
        customer (UUID | Unset):
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AuditPage | ProblemDetails]
    """

    kwargs = _get_kwargs(
        type_=type_,
        actor=actor,
        recorded_from=recorded_from,
        recorded_until=recorded_until,
        customer=customer,
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
    type_: AuditPageType | Unset = UNSET,
    actor: str | Unset = UNSET,
    recorded_from: datetime.datetime | Unset = UNSET,
    recorded_until: datetime.datetime | Unset = UNSET,
    customer: UUID | Unset = UNSET,
    limit: int | Unset = 50,
    cursor: str | Unset = UNSET,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> AuditPage | ProblemDetails | None:
    """Search all events, newest first

     As they are stored; personal text is sealed. Part of a long log is searched at a time.

            So a page may be short, or empty, and have a `nextCursor` still: the search is over where
    there is none.

    Roles: auditor, officer.

    Args:
        type_ (AuditPageType | Unset):
        actor (str | Unset):
        recorded_from (datetime.datetime | Unset):
        recorded_until (datetime.datetime | Unset): Exclusive.
        customer (UUID | Unset):
        limit (int | Unset):  Default: 50.
        cursor (str | Unset):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AuditPage | ProblemDetails
    """

    return (
        await asyncio_detailed(
            client=client,
            type_=type_,
            actor=actor,
            recorded_from=recorded_from,
            recorded_until=recorded_until,
            customer=customer,
            limit=limit,
            cursor=cursor,
            wait=wait,
            prefer=prefer,
        )
    ).parsed
