"""How each source's payloads are read again, by the source's name: decisions are replayed with it."""

from collections.abc import Mapping
from typing import Final

from application.rereading import FindingsReader
from infrastructure.sandbox import source as sandbox
from infrastructure.screening import chainalysis_risk, chainalysis_sanctions, ofac, trm, watchman

READERS: Final[Mapping[str, FindingsReader]] = {
    ofac.OFAC: ofac.findings_in,
    chainalysis_sanctions.CHAINALYSIS_SANCTIONS: chainalysis_sanctions.findings_in,
    chainalysis_risk.CHAINALYSIS_RISK: chainalysis_risk.findings_in,
    trm.TRM: trm.findings_in,
    watchman.WATCHMAN: watchman.findings_in,
    sandbox.SANDBOX: sandbox.findings_in,
}
"""Every source there ever was: one that is no longer asked has its evidence in the log still."""
