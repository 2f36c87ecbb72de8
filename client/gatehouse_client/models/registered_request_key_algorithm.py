from typing import Literal

RegisteredRequestKeyAlgorithm = Literal["ecdsa-p384-sha384", "ed25519"]

REGISTERED_REQUEST_KEY_ALGORITHM_VALUES: set[RegisteredRequestKeyAlgorithm] = {
    "ecdsa-p384-sha384",
    "ed25519",
}


def check_registered_request_key_algorithm(value: str) -> RegisteredRequestKeyAlgorithm:
    if value in REGISTERED_REQUEST_KEY_ALGORITHM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {REGISTERED_REQUEST_KEY_ALGORITHM_VALUES!r}")
