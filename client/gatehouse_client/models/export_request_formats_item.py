from typing import Literal

ExportRequestFormatsItem = Literal["cloudevents", "csv", "jsonl", "ocel", "parquet"]

EXPORT_REQUEST_FORMATS_ITEM_VALUES: set[ExportRequestFormatsItem] = {
    "cloudevents",
    "csv",
    "jsonl",
    "ocel",
    "parquet",
}


def check_export_request_formats_item(value: str) -> ExportRequestFormatsItem:
    if value in EXPORT_REQUEST_FORMATS_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {EXPORT_REQUEST_FORMATS_ITEM_VALUES!r}")
