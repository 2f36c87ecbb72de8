"""Every byte of a bundle is held by something: another one in any place of any file is found."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.exports.verify import verify
from tests.support.bundles import FIRST, made_log, write_customer


@pytest.fixture(scope="module", params=["whole", "customer"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("bundle")
    log = made_log(300)
    if request.param == "whole":
        log.write(folder)
    else:
        write_customer(log, folder)
    return folder


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_another_byte_anywhere_is_found(bundle: Path, data: st.DataObject) -> None:
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    good = path.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != good[at]))
    try:
        path.write_bytes(good[:at] + bytes([other]) + good[at + 1 :])
        report = verify(bundle, keys=[FIRST.public.vkey])
        assert not report.ok, (path, at, other)
        assert report.text().isascii()
    finally:
        path.write_bytes(good)


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_a_file_cut_off_or_made_longer_anywhere_is_found(bundle: Path, data: st.DataObject) -> None:
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    good = path.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    try:
        path.write_bytes(data.draw(st.sampled_from([good[:at], good + good[at:]])))
        assert not verify(bundle, keys=[FIRST.public.vkey]).ok, (path, at)
    finally:
        path.write_bytes(good)


def test_what_was_restored_is_all_right_again(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path, dirs_exist_ok=True)
    assert verify(tmp_path, keys=[FIRST.public.vkey]).ok
