from typing import Literal

ApiKeyRole = Literal["admin", "auditor", "officer", "partner"]

API_KEY_ROLE_VALUES: set[ApiKeyRole] = {
    "admin",
    "auditor",
    "officer",
    "partner",
}


def check_api_key_role(value: str) -> ApiKeyRole:
    if value in API_KEY_ROLE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {API_KEY_ROLE_VALUES!r}")
