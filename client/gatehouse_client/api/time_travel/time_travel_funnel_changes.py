import datetime
from http import HTTPStatus
from typing import Any

import httpx2

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.funnel_changes import FunnelChanges
from ...models.problem_details import ProblemDetails
from ...models.time_travel_funnel_changes_clock import (
    TimeTravelFunnelChangesClock,
)
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    from_: datetime.datetime | str,
    to: datetime.datetime | str,
    clock: TimeTravelFunnelChangesClock | Unset = "recorded",
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
        "url": "/v1/funnel/changes",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx2.Response
) -> FunnelChanges | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = FunnelChanges.from_dict(response.json())

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
) -> Response[FunnelChanges | ProblemDetails]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    from_: datetime.datetime | str,
    to: datetime.datetime | str,
    clock: TimeTravelFunnelChangesClock | Unset = "recorded",
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[FunnelChanges | ProblemDetails]:
    """Count who changed status between two moments

     Customers that were registered between the moments come from `new`.

    Roles: auditor, officer, partner.

    Args:
        from_ (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        to (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        clock (TimeTravelFunnelChangesClock | Unset): `recorded`: what did we know then?
            `occurred`: what was true then, as we know now? Default: 'recorded'.
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[FunnelChanges | ProblemDetails]
    """

    kwargs = _get_kwargs(
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
    *,
    client: AuthenticatedClient,
    from_: datetime.datetime | str,
    to: datetime.datetime | str,
    clock: TimeTravelFunnelChangesClock | Unset = "recorded",
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> FunnelChanges | ProblemDetails | None:
    """Count who changed status between two moments

     Customers that were registered between the moments come from `new`.

    Roles: auditor, officer, partner.

    Args:
        from_ (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        to (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        clock (TimeTravelFunnelChangesClock | Unset): `recorded`: what did we know then?
            `occurred`: what was true then, as we know now? Default: 'recorded'.
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        FunnelChanges | ProblemDetails
    """

    return sync_detailed(
        client=client,
        from_=from_,
        to=to,
        clock=clock,
        wait=wait,
        prefer=prefer,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    from_: datetime.datetime | str,
    to: datetime.datetime | str,
    clock: TimeTravelFunnelChangesClock | Unset = "recorded",
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[FunnelChanges | ProblemDetails]:
    """Count who changed status between two moments

     Customers that were registered between the moments come from `new`.

    Roles: auditor, officer, partner.

    Args:
        from_ (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        to (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        clock (TimeTravelFunnelChangesClock | Unset): `recorded`: what did we know then?
            `occurred`: what was true then, as we know now? Default: 'recorded'.
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[FunnelChanges | ProblemDetails]
    """

    kwargs = _get_kwargs(
        from_=from_,
        to=to,
        clock=clock,
        wait=wait,
        prefer=prefer,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    from_: datetime.datetime | str,
    to: datetime.datetime | str,
    clock: TimeTravelFunnelChangesClock | Unset = "recorded",
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> FunnelChanges | ProblemDetails | None:
    """Count who changed status between two moments

     Customers that were registered between the moments come from `new`.

    Roles: auditor, officer, partner.

    Args:
        from_ (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        to (datetime.datetime | str): A position of the log, or an RFC 3339 time.
        clock (TimeTravelFunnelChangesClock | Unset): `recorded`: what did we know then?
            `occurred`: what was true then, as we know now? Default: 'recorded'.
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        FunnelChanges | ProblemDetails
    """

    return (
        await asyncio_detailed(
            client=client,
            from_=from_,
            to=to,
            clock=clock,
            wait=wait,
            prefer=prefer,
        )
    ).parsed
