from typing import Literal

ApiKeyWithSecretRole = Literal["admin", "auditor", "officer", "partner"]

API_KEY_WITH_SECRET_ROLE_VALUES: set[ApiKeyWithSecretRole] = {
    "admin",
    "auditor",
    "officer",
    "partner",
}


def check_api_key_with_secret_role(value: str) -> ApiKeyWithSecretRole:
    if value in API_KEY_WITH_SECRET_ROLE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {API_KEY_WITH_SECRET_ROLE_VALUES!r}")
