"""Who reads kept evidence again, by the name that stands in the log.

Every source and provider there ever was: one that is no longer asked has its evidence in the log still.
"""

from typing import Final

from application.rereading import Readers
from infrastructure.sandbox import provider, source
from infrastructure.screening import ofac

READERS: Final = Readers(
    findings={ofac.OFAC: ofac.findings_in, source.SANDBOX: source.findings_in},
    lists={ofac.OFAC: ofac.list_in},
    results={provider.SANDBOX: provider.result_in},
)
