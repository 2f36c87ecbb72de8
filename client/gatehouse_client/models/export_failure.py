from typing import Literal

ExportFailure = Literal["export_failed", "nothing_recorded"]

EXPORT_FAILURE_VALUES: set[ExportFailure] = {
    "export_failed",
    "nothing_recorded",
}


def check_export_failure(value: str) -> ExportFailure:
    if value in EXPORT_FAILURE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {EXPORT_FAILURE_VALUES!r}")
