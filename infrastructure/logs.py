"""Logs: one line of JSON an event, with names of ours and never what a caller sent."""

import logging
import sys
from typing import Literal

import structlog

LogLevel = Literal["info", "warning", "error"]


def set_up_logs(level: LogLevel = "info") -> None:
    """Write warnings and above to standard error, and our own news from `level` on."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells of URLs, and a wallet's address may be in one
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_values,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _without_values(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Where a fault came from, without its text: an exception's words may hold what a caller sent."""
    fault = event.pop("exc_info", None)
    fault = sys.exc_info()[1] if fault is True else fault
    if isinstance(fault, BaseException):
        trace, places = fault.__traceback__, []
        while trace:
            places.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["trace"] = " > ".join(places[-8:])
    return event
