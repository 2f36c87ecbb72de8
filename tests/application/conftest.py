import pytest

pytest.register_assert_rewrite("tests.application.journal_contract")
