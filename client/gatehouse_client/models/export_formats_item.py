from typing import Literal

ExportFormatsItem = Literal["cloudevents", "csv", "jsonl", "ocel", "parquet"]

EXPORT_FORMATS_ITEM_VALUES: set[ExportFormatsItem] = {
    "cloudevents",
    "csv",
    "jsonl",
    "ocel",
    "parquet",
}


def check_export_formats_item(value: str) -> ExportFormatsItem:
    if value in EXPORT_FORMATS_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {EXPORT_FORMATS_ITEM_VALUES!r}")
