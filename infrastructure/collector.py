"""Garbage collection: Python's look for cycles, which stops everything, made seldom."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

GARBAGE: Final = 50_000
"""Objects between two looks: requests and events leave few cycles."""


@contextmanager
def spared_collector() -> Iterator[None]:
    """Look seldom while the block runs, and never in what was there before."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
