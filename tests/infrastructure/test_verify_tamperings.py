import random
import shutil
from pathlib import Path

import pytest

from bench.bundles import EntryLog
from bench.tampered_bundles import IN_WHOLE, OF_CUSTOMER, Tampering
from bench.tampering import Scene
from infrastructure.exports.verify import verify
from tests.support.bundles import CUSTOMER, FIRST, made_log, write_customer

LOG = made_log()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("whole")
    LOG.write(folder)
    return folder


@pytest.fixture(scope="module")
def of_customer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("customer")
    write_customer(LOG, folder)
    return folder


def assert_named(scene: Scene, tampering: Tampering) -> None:
    planted = tampering(scene)

    known = [note.whole.encode() for note in scene.known]
    report = verify(scene.folder, known=known, keys=[] if planted.warned else [FIRST.public.vkey])

    assert planted.named_in(report.warnings if planted.warned else report.problems), (planted, report.text())
    assert report.ok is planted.warned, report.text()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sealed", [True, False], ids=["with the key", "without the key"])
@pytest.mark.parametrize("tampering", IN_WHOLE.values(), ids=IN_WHOLE)
def test_what_is_done_to_a_whole_log_is_found_and_named(
    tampering: Tampering, whole: Path, tmp_path: Path, seed: int, *, sealed: bool
) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    assert_named(Scene(tmp_path, LOG, random.Random(seed), sealed), tampering)  # noqa: S311  # the same in every run


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sealed", [True, False], ids=["with the key", "without the key"])
@pytest.mark.parametrize("tampering", OF_CUSTOMER.values(), ids=OF_CUSTOMER)
def test_what_is_done_to_a_customers_bundle_is_found_and_named(
    tampering: Tampering, of_customer: Path, tmp_path: Path, seed: int, *, sealed: bool
) -> None:
    shutil.copytree(of_customer, tmp_path, dirs_exist_ok=True)
    assert_named(Scene(tmp_path, LOG, random.Random(seed), sealed, CUSTOMER), tampering)  # noqa: S311  # the same in every run


def test_tampering_leaves_the_log_it_begins_with_alone() -> None:
    again: EntryLog = made_log()
    assert again.root(len(again.entries)) == LOG.root(len(LOG.entries))
