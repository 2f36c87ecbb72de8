import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_imports_keep_their_contracts() -> None:
    tool = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run(  # noqa: S603 -- the environment's own tool
        [tool, "--no-cache"], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
