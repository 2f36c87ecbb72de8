"""What the log means to a reader: an event goes in, a row comes out. Pure."""

from typing import Any, Final

from projections.customers import CUSTOMERS
from projections.feed import FEED
from projections.projection import Projection
from projections.reviews import REVIEWS
from projections.spans import SPANS
from projections.worklist import WORKLIST

PROJECTIONS: Final[tuple[Projection[Any], ...]] = (CUSTOMERS, FEED, REVIEWS, SPANS, WORKLIST)
