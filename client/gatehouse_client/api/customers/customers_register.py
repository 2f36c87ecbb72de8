from http import HTTPStatus
from typing import Any

import httpx2

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.customer_registration import CustomerRegistration
from ...models.problem_details import ProblemDetails
from ...models.registered_customer import RegisteredCustomer
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: CustomerRegistration,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/customers",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx2.Response
) -> ProblemDetails | RegisteredCustomer | None:
    if response.status_code == 201:
        response_201 = RegisteredCustomer.from_dict(response.json())

        return response_201

    if response.status_code == 400:
        response_400 = ProblemDetails.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = ProblemDetails.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDetails.from_dict(response.json())

        return response_403

    if response.status_code == 409:
        response_409 = ProblemDetails.from_dict(response.json())

        return response_409

    if response.status_code == 413:
        response_413 = ProblemDetails.from_dict(response.json())

        return response_413

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
) -> Response[ProblemDetails | RegisteredCustomer]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: CustomerRegistration,
    idempotency_key: str | Unset = UNSET,
) -> Response[ProblemDetails | RegisteredCustomer]:
    """Register a wallet

     201 with the customer and its challenge.

    Roles: partner.

    Args:
        idempotency_key (str | Unset):
        body (CustomerRegistration): `POST /v1/customers`: a wallet as a CAIP-10 account and the
            partner's own reference.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | RegisteredCustomer]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: CustomerRegistration,
    idempotency_key: str | Unset = UNSET,
) -> ProblemDetails | RegisteredCustomer | None:
    """Register a wallet

     201 with the customer and its challenge.

    Roles: partner.

    Args:
        idempotency_key (str | Unset):
        body (CustomerRegistration): `POST /v1/customers`: a wallet as a CAIP-10 account and the
            partner's own reference.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | RegisteredCustomer
    """

    return sync_detailed(
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: CustomerRegistration,
    idempotency_key: str | Unset = UNSET,
) -> Response[ProblemDetails | RegisteredCustomer]:
    """Register a wallet

     201 with the customer and its challenge.

    Roles: partner.

    Args:
        idempotency_key (str | Unset):
        body (CustomerRegistration): `POST /v1/customers`: a wallet as a CAIP-10 account and the
            partner's own reference.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDetails | RegisteredCustomer]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: CustomerRegistration,
    idempotency_key: str | Unset = UNSET,
) -> ProblemDetails | RegisteredCustomer | None:
    """Register a wallet

     201 with the customer and its challenge.

    Roles: partner.

    Args:
        idempotency_key (str | Unset):
        body (CustomerRegistration): `POST /v1/customers`: a wallet as a CAIP-10 account and the
            partner's own reference.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx2.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDetails | RegisteredCustomer
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
