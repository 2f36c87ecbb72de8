"""The auditors' guide works as it is written, against a service that runs; so do the commands of whoever runs it."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2
import pytest

from application.transparency.completeness import StreamProof
from application.transparency.notes import Checkpoint, opened_checkpoint, parse_key, signed
from application.transparency.proofs import ConsistencyProof, InclusionProof
from tests.infrastructure.test_serve import ROOT, SOON, Serving, environment, eventually, refusal, run, serving
from tests.support.transparency import SIGNER
from tests.support.world import Wallet

GUIDE: Final = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
SHELL: Final = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
PYTHON: Final = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@dataclass
class Audit:
    """A service, and the folder in which an auditor has run all that the guide says."""

    service: Serving
    customer: str
    folder: Path
    said: list[str] = field(default_factory=list)
    """What each of the guide's commands printed."""

    def file(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def checkpoint(self, note: str) -> Checkpoint:
        keys = json.loads(self.file("keys.json"))["keys"]
        return opened_checkpoint(note, [parse_key(key["key"]) for key in keys])


@pytest.fixture(scope="module")
def audit() -> Iterator[Audit]:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o711)
        (place / "auditor").mkdir()
        copies = {"GATEHOUSE_CHECKPOINT_SECONDS": "1", "GATEHOUSE_CHECKPOINT_COPIES": str(place / "copies")}
        with serving(place / "data", **copies) as service:
            audit = Audit(service, registered(service), place / "auditor")
            for commands in SHELL:
                if "bundle" in commands:
                    assert run(audit.service.data, "export", "--output", str(audit.folder / "bundle")).returncode == 0
                audit.said.append(shell(audit, commands))
            yield audit


def registered(service: Serving) -> str:
    """A customer that a checkpoint covers, published by the service itself."""
    partner = {"Authorization": f"Bearer {service.keys['partner']}"}
    auditor = {"Authorization": f"Bearer {service.keys['auditor']}"}
    body = {"chainId": Wallet(1).account, "externalId": "user-1"}
    customer = str(httpx2.post(f"{service.url}/v1/customers", json=body, headers=partner).json()["id"])
    path = f"{service.url}/v1/customers/{customer}/proof"
    eventually(lambda: httpx2.get(path, headers=auditor).status_code == 200)
    return customer


def shell(audit: Audit, commands: str) -> str:
    """Run commands as an auditor who has the guide's three variables set."""
    given = {"URL": audit.service.url, "KEY": audit.service.keys["auditor"], "CUSTOMER": audit.customer}
    done = subprocess.run(  # noqa: S603 -- our own guide
        [str(shutil.which("sh")), "-euc", commands.replace("./run ", f"{sys.executable} -m infrastructure ")],
        env=environment(audit.folder, **given),
        cwd=audit.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=SOON,
    )
    assert done.returncode == 0, done
    return done.stdout


def test_the_checkpoint_that_is_kept_is_signed_by_an_announced_key(audit: Audit) -> None:
    assert audit.checkpoint(audit.file("checkpoint.txt")).size > 0


def test_the_witness_cosigns_from_nothing_but_an_address(audit: Audit) -> None:
    (kept,) = (audit.folder / "witness").glob("*.checkpoint")

    assert kept.read_text(encoding="utf-8").strip() == audit.said[1].strip()
    assert "\n— witness.example " in audit.said[1]
    assert audit.checkpoint(kept.read_text(encoding="utf-8")).size > 0


def test_the_verifier_takes_what_the_witness_cosigned_and_nothing_that_contradicts_the_bundle(audit: Audit) -> None:
    origin = audit.checkpoint(audit.file("checkpoint.txt")).origin
    forked = signed(Checkpoint(origin, 1, bytes(32)).text, SIGNER)
    (audit.folder / "forked.checkpoint").write_text(forked.whole, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-I", "bundle/verify.py", "bundle", "--known", "forked.checkpoint"],
        cwd=audit.folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert audit.said[-1].endswith("All right.\n")
    assert done.returncode == 1
    assert "the checkpoint of 1 entries that you know" in done.stdout


def test_the_proofs_hold(audit: Audit) -> None:
    inclusion = InclusionProof.parse(audit.file("first.tlog-proof"))
    consistency = ConsistencyProof.parse(audit.file("grew.txt"))
    stream = StreamProof.parse(audit.file("customer.json"))

    assert (inclusion.index, consistency.old, str(stream.stream)) == (0, 1, audit.customer)
    assert stream.proves(audit.checkpoint(stream.checkpoint))
    assert audit.checkpoint(inclusion.checkpoint).size <= audit.checkpoint(consistency.checkpoint).size


def check_by_hand(audit: Audit, proof: str) -> "subprocess.CompletedProcess[str]":
    """Run the guide's script on a proof, on Python alone."""
    (audit.folder / "customer.json").write_text(proof, encoding="utf-8")
    (script,) = PYTHON
    return subprocess.run(  # noqa: S603 -- our own guide
        [sys.executable, "-I", "-S", "-c", script], cwd=audit.folder, capture_output=True, text=True, check=False
    )


def test_the_script_for_checking_by_hand_says_what_holds_and_what_does_not(audit: Audit) -> None:
    proof = audit.file("customer.json")
    told = json.loads(proof)
    try:
        right = check_by_hand(audit, proof)
        assert right.returncode == 0, right.stderr
        assert right.stdout.startswith(f"{len(told['entries'])} events, all in the log of ")
        wrong = [
            told | {"entries": told["entries"][1:]},
            told | {"entries": told["entries"][::-1]},
            told | {"entries": [told["entries"][0] | {"path": []}]},
            json.loads(proof.replace("user-1", "user-2")),
        ]
        assert all(check_by_hand(audit, json.dumps(each)).returncode == 1 for each in wrong)
    finally:
        (audit.folder / "customer.json").write_text(proof, encoding="utf-8")


def test_the_commands_prove_the_same_beside_a_running_service(audit: Audit) -> None:
    data = audit.service.data

    inclusion = run(data, "prove", "inclusion", "2").stdout
    consistency = run(data, "prove", "consistency", "1").stdout
    stream = run(data, "prove", "customer", audit.customer, "--output", str(audit.folder / "mine.json"))

    assert InclusionProof.parse(inclusion).index == 1
    assert ConsistencyProof.parse(consistency).old == 1
    assert stream.stdout == ""
    proof = StreamProof.parse(audit.file("mine.json"))
    assert proof.proves(audit.checkpoint(proof.checkpoint))


def test_a_checkpoint_is_printed_and_published_by_command(audit: Audit) -> None:
    data = audit.service.data

    newest = audit.checkpoint(run(data, "checkpoint").stdout)
    published = audit.checkpoint(run(data, "checkpoint", "--publish").stdout)

    assert published.size >= newest.size
    proof = ConsistencyProof.parse(run(data, "prove", "consistency", str(newest.size)).stdout)
    assert proof.proves(newest, audit.checkpoint(proof.checkpoint))


def test_copies_lie_in_the_second_place(audit: Audit) -> None:
    copies = audit.service.data.parent / "copies"
    eventually(lambda: list(copies.glob("*.checkpoint")))

    for path in copies.glob("*.checkpoint"):
        assert audit.checkpoint(path.read_text(encoding="utf-8")).size == int(path.stem)


def test_what_cannot_be_proven_is_one_line(audit: Audit) -> None:
    data = audit.service.data

    assert refusal(data, "prove", "inclusion", "1000000") == "gatehouse: the log has no such event"
    assert refusal(data, "prove", "consistency", "1", "3") == "gatehouse: no such checkpoint was published"
    assert refusal(data, "prove", "customer", "nonsense") == "gatehouse: ids are UUIDs"
    assert refusal(data, "prove", "inclusion", "1", "--output", str(data)) == (
        "gatehouse: the file cannot be written: Is a directory"
    )


def test_a_witness_that_cannot_begin_is_one_line(audit: Audit) -> None:
    url, folder = audit.service.url, audit.folder

    assert refusal(folder, "witness", "ftp://example") == "gatehouse: a log is followed at an http or https URL"
    assert refusal(folder, "witness", url, "--key", "nonsense") == "gatehouse: --key is no key of a log"
    assert refusal(folder, "witness", url, "--name", "a b") == "gatehouse: a witness's name has no spaces and no plus"
    (folder / "file").write_text("no folder")
    said = refusal(folder, "witness", url, "--state", str(folder / "file"))
    assert said == "gatehouse: the witness's folder cannot be used: File exists"


def test_a_witness_ends_with_an_error_where_it_was_shown_a_fork(audit: Audit) -> None:
    found = audit.folder / "witness" / "fork-7.txt"
    found.write_text("found before")
    try:
        done = run(
            audit.folder, "witness", audit.service.url, "--name", "witness.example", "--state", str(found.parent)
        )
    finally:
        found.unlink()

    assert done.returncode == 1
    assert done.stdout == ""
    assert "REFUSED: the log was found to be forked" in done.stderr


def test_a_witness_knows_neither_database_nor_web_server() -> None:
    looked = "import sys, infrastructure.witness.command; print(*sys.modules)"
    done = subprocess.run(  # noqa: S603 -- our own code
        [sys.executable, "-c", looked], cwd=ROOT, capture_output=True, text=True, check=True
    )

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "cryptography" in loaded
    assert loaded.isdisjoint({"psycopg", "psycopg_pool", "eventsourcing", "fastapi", "uvicorn"})
