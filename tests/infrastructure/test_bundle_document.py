import re
import subprocess
from pathlib import Path

import pytest

from infrastructure.cli import ROOT
from tests.support.bundles import CUSTOMER, made_log, write_customer

DOCUMENT = (ROOT / "docs/bundle.md").read_text()
MANIFEST, ENTRY = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
LOG = made_log(600)


@pytest.fixture(params=["whole", "customer"])
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "whole":
        LOG.write(tmp_path)
    else:
        write_customer(LOG, tmp_path)
    return tmp_path


def told(commands: str, folder: Path) -> list[str]:
    """What the shell prints, line by line."""
    done = subprocess.run(["/bin/sh", "-c", commands], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.splitlines()


def test_the_manifests_signature_is_checked_as_the_document_says(bundle: Path) -> None:
    digest, origin, word, signed, verdict = told(MANIFEST, bundle)
    assert (digest, word, verdict) == (signed, "manifest", "Signature Verified Successfully")
    assert origin == "gatehouse.example/log"

    (bundle / "manifest.sig").write_text((bundle / "manifest.sig").read_text().replace("manifest", "manifesto", 1))
    assert told(MANIFEST, bundle)[-1] != "Signature Verified Successfully"


@pytest.mark.parametrize("number", [1, 2, 20])
def test_an_entry_is_checked_as_the_document_says(bundle: Path, number: int) -> None:
    leaf, held = told(ENTRY.replace("n=1", f"n={number}"), bundle)
    assert leaf == held

    lines = (bundle / "entries.jsonl").read_text()
    (bundle / "entries.jsonl").write_text(lines.replace('"actor":"', '"actor":"x'))
    leaf, held = told(ENTRY.replace("n=1", f"n={number}"), bundle)
    assert leaf != held


def test_the_customer_of_these_tests_has_events_in_several_tiles() -> None:
    positions = [at for at, told in enumerate(LOG.told) if told.stream == CUSTOMER]
    assert {at // 256 for at in positions} == {0, 1, 2}
