from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx2

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.customer_proof import CustomerProof
from ...models.problem_details import ProblemDetails
from ...types import UNSET, Response, Unset


def _get_kwargs(
    customer_id: UUID,
    *,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(prefer, Unset):
        headers["Prefer"] = prefer

    params: dict[str, Any] = {}

    params["wait"] = wait

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/customers/{customer_id}/proof".format(
            customer_id=quote(str(customer_id), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx2.Response
) -> CustomerProof | ProblemDetails | None:
    if response.status_code == 200:
        response_200 = CustomerProof.from_dict(response.json())

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

    if response.status_code == 409:
        response_409 = ProblemDetails.from_dict(response.json())

        return response_409

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
) -> Response[CustomerProof | ProblemDetails]:
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
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[CustomerProof | ProblemDetails]:
    """Prove all events of a customer

     Every event as the line that was hashed, chained by `previous`, with its path to the newest
    checkpoint.

    Roles: auditor.

    Args:
        customer_id (UUID):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CustomerProof | ProblemDetails]
    """

    kwargs = _get_kwargs(
        customer_id=customer_id,
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
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> CustomerProof | ProblemDetails | None:
    """Prove all events of a customer

     Every event as the line that was hashed, chained by `previous`, with its path to the newest
    checkpoint.

    Roles: auditor.

    Args:
        customer_id (UUID):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CustomerProof | ProblemDetails
    """

    return sync_detailed(
        customer_id=customer_id,
        client=client,
        wait=wait,
        prefer=prefer,
    ).parsed


async def asyncio_detailed(
    customer_id: UUID,
    *,
    client: AuthenticatedClient,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[CustomerProof | ProblemDetails]:
    """Prove all events of a customer

     Every event as the line that was hashed, chained by `previous`, with its path to the newest
    checkpoint.

    Roles: auditor.

    Args:
        customer_id (UUID):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CustomerProof | ProblemDetails]
    """

    kwargs = _get_kwargs(
        customer_id=customer_id,
        wait=wait,
        prefer=prefer,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    customer_id: UUID,
    *,
    client: AuthenticatedClient,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> CustomerProof | ProblemDetails | None:
    """Prove all events of a customer

     Every event as the line that was hashed, chained by `previous`, with its path to the newest
    checkpoint.

    Roles: auditor.

    Args:
        customer_id (UUID):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CustomerProof | ProblemDetails
    """

    return (
        await asyncio_detailed(
            customer_id=customer_id,
            client=client,
            wait=wait,
            prefer=prefer,
        )
    ).parsed
