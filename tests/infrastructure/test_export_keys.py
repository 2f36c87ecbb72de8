"""Bundles of the past, signed with a key that was announced later."""

import asyncio
from pathlib import Path

import pytest

from infrastructure.bootstrap import open_services
from infrastructure.exports.asked import Asked
from infrastructure.exports.verify import verify
from infrastructure.keys.deployment import load_keys
from infrastructure.keys.rotation import rotate_signing
from tests.domain.samples import minutes
from tests.support.exports import SIGNER, export, fill, settings_below

PAST = Asked(recorded_until=minutes(3))


def rotate(conninfo: str, folder: Path, *, lost: bool = False) -> str:
    settings = settings_below(folder)
    if lost:
        (settings.keys_folder / "signing.key").write_text(f"{'77' * 32}\n")

    async def run() -> str:
        async with open_services(settings, conninfo, load_keys(settings.key_source, generate=False)) as services:
            return await rotate_signing(services, settings, lost=lost)

    return asyncio.run(run())


def test_a_key_that_was_handed_over_to_later_is_trusted(database: str, tmp_path: Path) -> None:
    fill(database)
    key = rotate(database, tmp_path)

    bundle = export(database, tmp_path, PAST)

    for trusted in ([], [SIGNER.public.vkey]):
        report = verify(bundle, keys=trusted)
        assert (report.problems, report.key) == ([], key)


def test_a_key_that_nobody_handed_over_to_is_not_trusted_before_it_is_in_the_log(database: str, tmp_path: Path) -> None:
    fill(database)
    key = rotate(database, tmp_path, lost=True)

    past, whole = export(database, tmp_path, PAST), export(database, tmp_path, name="whole")

    assert [problem.code for problem in verify(past).problems] == ["key_replaced"]
    assert verify(past, keys=[key]).ok
    assert [warning.code for warning in verify(whole).warnings] == ["key_not_handed_over"]


@pytest.mark.parametrize("beyond", [True, False])
def test_a_handover_that_is_forged_is_refused(database: str, tmp_path: Path, *, beyond: bool) -> None:
    fill(database)
    rotate(database, tmp_path)
    bundle = export(database, tmp_path, PAST if beyond else None)
    lines = (bundle / "keys.jsonl").read_bytes()

    (bundle / "keys.jsonl").write_bytes(lines.replace(b"next signing key", b"past signing key"))

    assert "key_handover_false" in [problem.code for problem in verify(bundle).problems]
