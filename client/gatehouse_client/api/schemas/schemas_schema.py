from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx2

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_details import ProblemDetails
from ...models.schema_document import SchemaDocument
from ...types import UNSET, Response, Unset


def _get_kwargs(
    name: str,
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
        "url": "/v1/schemas/{name}".format(
            name=quote(str(name), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx2.Response
) -> ProblemDetails | SchemaDocument | None:
    if response.status_code == 200:
        response_200 = SchemaDocument.from_dict(response.json())

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
) -> Response[ProblemDetails | SchemaDocument]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    name: str,
    *,
    client: AuthenticatedClient,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[ProblemDetails | SchemaDocument]:
    """Read a JSON Schema

     JSON Schema 2020-12, by type and version: `CustomerRegistered.v1`.

    Roles: admin, auditor, officer, partner.

    Args:
        name (str):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | SchemaDocument]
    """

    kwargs = _get_kwargs(
        name=name,
        wait=wait,
        prefer=prefer,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    name: str,
    *,
    client: AuthenticatedClient,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> ProblemDetails | SchemaDocument | None:
    """Read a JSON Schema

     JSON Schema 2020-12, by type and version: `CustomerRegistered.v1`.

    Roles: admin, auditor, officer, partner.

    Args:
        name (str):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | SchemaDocument
    """

    return sync_detailed(
        name=name,
        client=client,
        wait=wait,
        prefer=prefer,
    ).parsed


async def asyncio_detailed(
    name: str,
    *,
    client: AuthenticatedClient,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> Response[ProblemDetails | SchemaDocument]:
    """Read a JSON Schema

     JSON Schema 2020-12, by type and version: `CustomerRegistered.v1`.

    Roles: admin, auditor, officer, partner.

    Args:
        name (str):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | SchemaDocument]
    """

    kwargs = _get_kwargs(
        name=name,
        wait=wait,
        prefer=prefer,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    name: str,
    *,
    client: AuthenticatedClient,
    wait: int | Unset = UNSET,
    prefer: str | Unset = UNSET,
) -> ProblemDetails | SchemaDocument | None:
    """Read a JSON Schema

     JSON Schema 2020-12, by type and version: `CustomerRegistered.v1`.

    Roles: admin, auditor, officer, partner.

    Args:
        name (str):
        wait (int | Unset):
        prefer (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | SchemaDocument
    """

    return (
        await asyncio_detailed(
            name=name,
            client=client,
            wait=wait,
            prefer=prefer,
        )
    ).parsed
