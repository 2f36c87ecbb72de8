from http import HTTPStatus
from typing import Any

import httpx2

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_details import ProblemDetails
from ...models.sanctions_list_adoption import SanctionsListAdoption
from ...types import UNSET, File, Response, Unset


def _get_kwargs(
    *,
    body: File,
    force: bool | Unset = False,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    params: dict[str, Any] = {}

    params["force"] = force

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/sanctions-lists",
        "params": params,
    }

    _kwargs["content"] = body.payload
    headers["Content-Type"] = "application/xml"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx2.Response
) -> ProblemDetails | SanctionsListAdoption | None:
    if response.status_code == 200:
        response_200 = SanctionsListAdoption.from_dict(response.json())

        return response_200

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

    if response.status_code == 409:
        response_409 = ProblemDetails.from_dict(response.json())

        return response_409

    if response.status_code == 415:
        response_415 = ProblemDetails.from_dict(response.json())

        return response_415

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
) -> Response[ProblemDetails | SanctionsListAdoption]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: File,
    force: bool | Unset = False,
    idempotency_key: str | Unset = UNSET,
) -> Response[ProblemDetails | SanctionsListAdoption]:
    """Adopt a sanctions list

     Put OFAC's sdn_advanced.xml in force, and answer how it differs from the list before it, address by
    address.

            A list that is malformed or not whole is refused, and without `force` an older or much
    smaller one.

    Roles: admin.

    Args:
        force (bool | Unset):  Default: False.
        idempotency_key (str | Unset):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | SanctionsListAdoption]
    """

    kwargs = _get_kwargs(
        body=body,
        force=force,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: File,
    force: bool | Unset = False,
    idempotency_key: str | Unset = UNSET,
) -> ProblemDetails | SanctionsListAdoption | None:
    """Adopt a sanctions list

     Put OFAC's sdn_advanced.xml in force, and answer how it differs from the list before it, address by
    address.

            A list that is malformed or not whole is refused, and without `force` an older or much
    smaller one.

    Roles: admin.

    Args:
        force (bool | Unset):  Default: False.
        idempotency_key (str | Unset):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | SanctionsListAdoption
    """

    return sync_detailed(
        client=client,
        body=body,
        force=force,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: File,
    force: bool | Unset = False,
    idempotency_key: str | Unset = UNSET,
) -> Response[ProblemDetails | SanctionsListAdoption]:
    """Adopt a sanctions list

     Put OFAC's sdn_advanced.xml in force, and answer how it differs from the list before it, address by
    address.

            A list that is malformed or not whole is refused, and without `force` an older or much
    smaller one.

    Roles: admin.

    Args:
        force (bool | Unset):  Default: False.
        idempotency_key (str | Unset):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | SanctionsListAdoption]
    """

    kwargs = _get_kwargs(
        body=body,
        force=force,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: File,
    force: bool | Unset = False,
    idempotency_key: str | Unset = UNSET,
) -> ProblemDetails | SanctionsListAdoption | None:
    """Adopt a sanctions list

     Put OFAC's sdn_advanced.xml in force, and answer how it differs from the list before it, address by
    address.

            A list that is malformed or not whole is refused, and without `force` an older or much
    smaller one.

    Roles: admin.

    Args:
        force (bool | Unset):  Default: False.
        idempotency_key (str | Unset):
        body (File):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | SanctionsListAdoption
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            force=force,
            idempotency_key=idempotency_key,
        )
    ).parsed
