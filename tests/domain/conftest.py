import pytest

pytest.register_assert_rewrite("tests.domain.given", "tests.domain.answers")
