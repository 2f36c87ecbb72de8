"""Every policy by the version that stands in commands and events, and which version is in force.

A version is never taken out: what it decided must be decidable again.
"""

from collections.abc import Mapping
from typing import Final, Literal

from domain.policies.monitoring import MONITORING_1, MonitoringPolicy, monitoring_1
from domain.policies.screening import SCREENING_1, SCREENING_2, ScreeningPolicy, screening_1, screening_2
from domain.policies.verification import VERIFICATION_1, VerificationPolicy, verification_1

Step = Literal["screening", "verification", "monitoring"]

SCREENING: Final[Mapping[str, ScreeningPolicy]] = {SCREENING_1: screening_1, SCREENING_2: screening_2}
VERIFICATION: Final[Mapping[str, VerificationPolicy]] = {VERIFICATION_1: verification_1}
MONITORING: Final[Mapping[str, MonitoringPolicy]] = {MONITORING_1: monitoring_1}

SCREENING_IN_FORCE: Final = SCREENING_1
VERIFICATION_IN_FORCE: Final = VERIFICATION_1
MONITORING_IN_FORCE: Final = MONITORING_1

STEPS: Final[Mapping[str, Step]] = {
    **dict.fromkeys(SCREENING, "screening"),
    **dict.fromkeys(VERIFICATION, "verification"),
    **dict.fromkeys(MONITORING, "monitoring"),
}
"""Which step each version judges."""
