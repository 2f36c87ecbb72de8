from domain.vocabulary import REASONS, Reason
from infrastructure.documents import ROOT, documents


def test_documents_made_from_the_code_are_not_stale() -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in documents().items() if path.read_text("utf-8") != text]
    assert stale == [], "run ./run docs"


def test_every_reason_code_is_explained() -> None:
    assert set(REASONS) == set(Reason)
