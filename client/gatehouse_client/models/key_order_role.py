from typing import Literal

KeyOrderRole = Literal["admin", "auditor", "officer", "partner"]

KEY_ORDER_ROLE_VALUES: set[KeyOrderRole] = {
    "admin",
    "auditor",
    "officer",
    "partner",
}


def check_key_order_role(value: str) -> KeyOrderRole:
    if value in KEY_ORDER_ROLE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {KEY_ORDER_ROLE_VALUES!r}")
