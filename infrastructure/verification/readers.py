"""Kept payloads of KYC providers, read again: by the provider's name, which the decision's event has on record."""

from collections.abc import Mapping
from typing import Final

from application.rereading import ResultReader
from infrastructure.sandbox import provider as sandbox
from infrastructure.verification import sumsub_messages as sumsub

RESULT_IN: Final[Mapping[str, ResultReader]] = {
    sandbox.SANDBOX: sandbox.result_in,
    sumsub.SUMSUB: sumsub.result_in,
}
"""Every provider that this version can have asked."""
