import pytest

pytest.register_assert_rewrite("tests.domain.given", "tests.domain.life", "tests.domain.stored")
