"""Who reads kept evidence again, by the name that stands in the log.

Every source and provider there ever was: one that is no longer asked has its evidence in the log still.
"""

from typing import Final

from application.rereading import Readers
from infrastructure.screening import ofac, watchman
from infrastructure.screening.readers import READERS as FINDINGS
from infrastructure.verification.readers import RESULT_IN

READERS: Final = Readers(
    findings=FINDINGS,
    lists={ofac.OFAC: ofac.list_in, watchman.WATCHMAN: watchman.list_in},
    results=RESULT_IN,
)
