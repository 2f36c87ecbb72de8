import pytest

from application.ports import Journal
from tests.application.journal_contract import JournalContract
from tests.application.memory_journal import MemoryJournal

pytestmark = pytest.mark.anyio


@pytest.fixture
def journal() -> Journal:
    return MemoryJournal()


class TestMemoryJournal(JournalContract):
    """The fake keeps the contract that the real journal keeps."""
