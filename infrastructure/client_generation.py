"""The typed Python client in `client/`: generated from docs/openapi.json, never written by hand.

The generator knows httpx. This project has its successor httpx2, whose names are the same.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from infrastructure.documents import ROOT

CLIENT: Final = ROOT / "client" / "gatehouse_client"
CONFIG: Final = ROOT / "client" / "openapi-python-client.yml"
DOCUMENT: Final = ROOT / "docs" / "openapi.json"


def generate() -> dict[str, str]:
    """Every file of the client as it should be, by its path within the package. Needs no network."""
    with tempfile.TemporaryDirectory() as name:
        package = Path(name) / CLIENT.name
        options = ("--meta", "none", "--path", str(DOCUMENT), "--config", str(CONFIG), "--output-path", str(package))
        _run("openapi-python-client", "generate", "--fail-on-warning", *options)
        for path in package.rglob("*.py"):
            path.write_text(re.sub(r"\bhttpx\b", "httpx2", path.read_text("utf-8")), encoding="utf-8")
        settings = ("--config", str(ROOT / "pyproject.toml"))
        _run("ruff", "check", *settings, "--quiet", "--no-cache", "--fix-only", "--select", "F401,I", str(package))
        _run("ruff", "format", *settings, "--quiet", "--no-cache", str(package))
        (package / "py.typed").touch()
        return {
            str(path.relative_to(package)): path.read_text("utf-8") for path in package.rglob("*") if path.is_file()
        }


def write(files: dict[str, str]) -> bool:
    """Put the files in the place of what was generated before. Whether any of them is new."""
    if files == generated():
        return False
    shutil.rmtree(CLIENT, ignore_errors=True)
    for name, text in files.items():
        path = CLIENT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return True


def generated() -> dict[str, str]:
    """What is there."""
    files = (path for path in CLIENT.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(CLIENT)): path.read_text("utf-8") for path in files}


def _run(tool: str, *arguments: str) -> None:
    """Run a tool of the environment."""
    path = Path(sys.executable).parent / tool
    subprocess.run([path, *arguments], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 -- the environment's own
