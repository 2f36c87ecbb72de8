from pathlib import Path

import pytest

from tests.support.world import Wallet, running

pytestmark = pytest.mark.anyio


async def test_a_customer_is_onboarded_from_registration_to_active(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        customer = await world.active(Wallet(1))

        assert await world.status(customer["id"]) == "active"
        timeline = (await world.officer.get(f"/v1/customers/{customer['id']}/timeline")).json()
        assert [entry["type"] for entry in timeline["entries"]] == [
            "CustomerRegistered",
            "ChallengeIssued",
            "ChallengeVerified",
            "ScreeningAttempted",
            "ScreeningPassed",
            "VerificationStarted",
            "VerificationPassed",
        ]
