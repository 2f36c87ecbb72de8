from http import HTTPStatus
from typing import Any

import httpx2

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.event_page import EventPage
from ...models.problem_details import ProblemDetails
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    after: int | Unset = 0,
    limit: int | Unset = 50,
    wait: int | Unset = 0,
    prefer: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(prefer, Unset):
        headers["Prefer"] = prefer

    params: dict[str, Any] = {}

    params["after"] = after

    params["limit"] = limit

    params["wait"] = wait

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/events",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx2.Response
) -> EventPage | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = EventPage.from_dict(response.json())

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
) -> Response[EventPage | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    after: int | Unset = 0,
    limit: int | Unset = 50,
    wait: int | Unset = 0,
    prefer: str | Unset = UNSET,
) -> Response[EventPage | ProblemDetails]:
    """Read public events in order

     The events after `after`, oldest first. `next` is where to go on: whoever does so misses nothing.

            With `wait`, an answer that would be empty is held back until there is an event, or the time
    is over.

    Roles: partner.

    Args:
        after (int | Unset):  Default: 0.
        limit (int | Unset):  Default: 50.
        wait (int | Unset):  Default: 0.
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[EventPage | ProblemDetails]
    """

    kwargs = _get_kwargs(
        after=after,
        limit=limit,
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
    after: int | Unset = 0,
    limit: int | Unset = 50,
    wait: int | Unset = 0,
    prefer: str | Unset = UNSET,
) -> EventPage | ProblemDetails | None:
    """Read public events in order

     The events after `after`, oldest first. `next` is where to go on: whoever does so misses nothing.

            With `wait`, an answer that would be empty is held back until there is an event, or the time
    is over.

    Roles: partner.

    Args:
        after (int | Unset):  Default: 0.
        limit (int | Unset):  Default: 50.
        wait (int | Unset):  Default: 0.
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        EventPage | ProblemDetails
    """

    return sync_detailed(
        client=client,
        after=after,
        limit=limit,
        wait=wait,
        prefer=prefer,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    after: int | Unset = 0,
    limit: int | Unset = 50,
    wait: int | Unset = 0,
    prefer: str | Unset = UNSET,
) -> Response[EventPage | ProblemDetails]:
    """Read public events in order

     The events after `after`, oldest first. `next` is where to go on: whoever does so misses nothing.

            With `wait`, an answer that would be empty is held back until there is an event, or the time
    is over.

    Roles: partner.

    Args:
        after (int | Unset):  Default: 0.
        limit (int | Unset):  Default: 50.
        wait (int | Unset):  Default: 0.
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[EventPage | ProblemDetails]
    """

    kwargs = _get_kwargs(
        after=after,
        limit=limit,
        wait=wait,
        prefer=prefer,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    after: int | Unset = 0,
    limit: int | Unset = 50,
    wait: int | Unset = 0,
    prefer: str | Unset = UNSET,
) -> EventPage | ProblemDetails | None:
    """Read public events in order

     The events after `after`, oldest first. `next` is where to go on: whoever does so misses nothing.

            With `wait`, an answer that would be empty is held back until there is an event, or the time
    is over.

    Roles: partner.

    Args:
        after (int | Unset):  Default: 0.
        limit (int | Unset):  Default: 50.
        wait (int | Unset):  Default: 0.
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        EventPage | ProblemDetails
    """

    return (
        await asyncio_detailed(
            client=client,
            after=after,
            limit=limit,
            wait=wait,
            prefer=prefer,
        )
    ).parsed
