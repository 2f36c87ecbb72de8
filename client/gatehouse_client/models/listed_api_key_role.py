from typing import Literal

ListedApiKeyRole = Literal["admin", "auditor", "officer", "partner"]

LISTED_API_KEY_ROLE_VALUES: set[ListedApiKeyRole] = {
    "admin",
    "auditor",
    "officer",
    "partner",
}


def check_listed_api_key_role(value: str) -> ListedApiKeyRole:
    if value in LISTED_API_KEY_ROLE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {LISTED_API_KEY_ROLE_VALUES!r}")
