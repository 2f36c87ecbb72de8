"""Signed notes, checkpoints and cosignatures: the vectors of Go's own package, and text that is none of them."""

from base64 import b64decode, b64encode
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.transparency.notes import (
    COSIGNS,
    LONGEST,
    MOST_SIGNATURES,
    SIGNS,
    BadNote,
    Checkpoint,
    Note,
    Signature,
    Signer,
    opened,
    opened_checkpoint,
    parse_checkpoint,
    parse_key,
    parse_note,
    signed,
)

# golang.org/x/mod/sumdb/note's own example.
PETER: Final = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_SEED: Final = b64decode("gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=")
ENOCH: Final = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT: Final = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
BY_PETER: Final = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
BY_ENOCH: Final = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
WHOLE: Final = f"{TEXT}\n{BY_PETER}"

LOG: Final = Signer("gatehouse.example/log", b"\1" * 32)
OTHER: Final = Signer("gatehouse.example/log", b"\2" * 32)
WITNESS: Final = Signer("witness.example", b"\3" * 32, COSIGNS)
CHECKPOINT: Final = Checkpoint("gatehouse.example/log", 20852163, bytes(range(32)))


def test_gos_example_is_opened_by_its_key() -> None:
    note = parse_note(WHOLE)

    assert note.text == TEXT
    assert opened(note, [parse_key(PETER)]) == [parse_key(PETER)]


def test_gos_example_with_two_signatures_is_opened_by_either_key() -> None:
    note, keys = parse_note(WHOLE + BY_ENOCH), [parse_key(PETER), parse_key(ENOCH)]

    assert opened(note, keys) == keys
    assert opened(note, keys[1:]) == keys[1:]


def test_gos_example_is_signed_by_its_secret_key_to_the_byte() -> None:
    signer = Signer("PeterNeumann", PETERS_SEED)

    assert signer.public.vkey == PETER
    assert signed(TEXT, signer).whole == WHOLE


@pytest.mark.parametrize("vkey", [PETER, ENOCH, LOG.public.vkey, WITNESS.public.vkey])
def test_a_key_is_written_as_it_is_read(vkey: str) -> None:
    assert parse_key(vkey).vkey == vkey


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "+",
        "++",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        PETER[1:],
        PETER[:-1],
        PETER + "=",
        PETER + "\n",
        " " + PETER,
        PETER.replace("c74f20a3", "C74F20A3"),
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("PeterNeumann", "Peter Neumann"),
        PETER.replace("PeterNeumann", ""),
        PETER.replace("+AR", "+BR"),
        PETER.replace("0TW", "0TV"),
        PETER.replace("0TW", "0T"),
    ],
)
def test_what_is_no_key_is_refused(vkey: str) -> None:
    with pytest.raises(BadNote):
        parse_key(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_no_signer_has_a_name_that_a_line_could_not_hold(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Signer(name, bytes(32))


@pytest.mark.parametrize(
    "whole",
    [
        "",
        "\n",
        "\n\n",
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}{BY_PETER}",
        WHOLE[:-1],
        WHOLE + "\n",
        WHOLE + "more\n",
        WHOLE.replace("\n", "\r\n"),
        WHOLE.replace("—", "-"),
        WHOLE.replace("— ", "—"),
        WHOLE.replace("— ", "—  "),
        WHOLE.replace("x08go/", "x08go_"),
        WHOLE.replace("JnAM=", "JnAM"),
        WHOLE.replace("JnAM=", "JnAN="),
        WHOLE.replace("JnAM=", "JnAM=="),
        WHOLE.replace(" x08go", " \tx08go"),
        WHOLE.replace("problem,", "problem,\0"),
        WHOLE.replace("problem,", "problem,\t"),
        f"{TEXT}\n— PeterNeumann x08goQ\n",
        f"{TEXT}\n— PeterNeumann\n",
        f"{TEXT}\n— x08goy==\n",
        f"{TEXT}\n{BY_PETER}" + BY_PETER * MOST_SIGNATURES,
        "x" * LONGEST + f"\n\n{BY_PETER}",
    ],
)
def test_what_is_no_note_is_refused(whole: str) -> None:
    with pytest.raises(BadNote):
        parse_note(whole)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_whatever_is_read_is_written_again_as_it_was(text: str) -> None:
    for whole in (text, f"{text}\n\n{BY_PETER}", f"{TEXT}\n{text}", WHOLE + text):
        try:
            note = parse_note(whole)
        except BadNote:
            continue
        assert note.whole == whole


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.characters(min_codepoint=32, codec="utf-8"))
def test_no_other_text_is_opened(place: int, char: str) -> None:
    text = TEXT[:place] + char + TEXT[place + 1 :]
    note = Note(text, parse_note(WHOLE).signatures)
    if text == TEXT:
        return

    with pytest.raises(BadNote, match="does not hold"):
        opened(note, [parse_key(PETER)])


def test_a_known_key_whose_signature_does_not_hold_spoils_the_note_whoever_else_signed() -> None:
    note = parse_note(WHOLE.replace("x08go/ZJ", "x08go/ZK") + BY_ENOCH)

    with pytest.raises(BadNote, match="the signature of PeterNeumann does not hold"):
        opened(note, [parse_key(PETER), parse_key(ENOCH)])
    assert opened(note, [parse_key(ENOCH)]) == [parse_key(ENOCH)]


def test_a_note_that_nobody_known_signed_is_not_opened() -> None:
    with pytest.raises(BadNote, match="no known key"):
        opened(parse_note(WHOLE), [parse_key(ENOCH), LOG.public])
    with pytest.raises(BadNote, match="no known key"):
        opened(parse_note(WHOLE), [])


def test_a_signature_of_a_strange_length_does_not_hold() -> None:
    for value in (b"", b"\0" * 63, b"\0" * 65, b"\0" * 72):
        assert not LOG.public.verifies(TEXT, Signature(LOG.public.name, LOG.public.key_id, value))


def test_a_checkpoint_is_written_as_the_specification_has_it() -> None:
    assert CHECKPOINT.text == (f"gatehouse.example/log\n20852163\n{b64encode(bytes(range(32))).decode()}\n")
    assert parse_checkpoint(CHECKPOINT.text) == CHECKPOINT
    assert opened_checkpoint(signed(CHECKPOINT.text, LOG).whole, [LOG.public]) == CHECKPOINT


def test_lines_that_a_log_adds_to_its_checkpoints_are_left_alone() -> None:
    assert parse_checkpoint(CHECKPOINT.text + "more\nand more\n") == CHECKPOINT


ROOT: Final = b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "a\n1\n",
        f"a\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"a\n\n{ROOT}\n",
        f"a\n-1\n{ROOT}\n",
        f"a\n+1\n{ROOT}\n",
        f"a\n01\n{ROOT}\n",
        f"a\n1.0\n{ROOT}\n",
        f"a\n 1\n{ROOT}\n",
        f"a\n\u0661\n{ROOT}\n",
        f"a\n{10**19}\n{ROOT}\n",
        f"a\n1\n{ROOT[:-4]}\n",
        f"a\n1\n{ROOT}{ROOT}\n",
        f"a\n1\n{ROOT[:-1]}\n",
        f"a\n1\n{ROOT}\n\n",
        f"a\n1\n{ROOT}\n\nmore\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        parse_checkpoint(text)


def test_a_checkpoint_that_another_log_signed_is_not_opened() -> None:
    stranger = Signer("other.example/log", b"\1" * 32)

    with pytest.raises(BadNote):
        opened_checkpoint(signed(CHECKPOINT.text, stranger).whole, [stranger.public, LOG.public])


def test_a_checkpoint_is_not_opened_by_a_key_of_the_same_name() -> None:
    with pytest.raises(BadNote):
        opened_checkpoint(signed(CHECKPOINT.text, OTHER).whole, [LOG.public])


def test_a_cosignature_holds_for_its_text_and_its_time_alone() -> None:
    cosigned = WITNESS.cosign(CHECKPOINT.text, 1_777_000_000)
    later = Signature(cosigned.name, cosigned.key_id, (1_777_000_001).to_bytes(8, "big") + cosigned.value[8:])

    assert WITNESS.public.verifies(CHECKPOINT.text, cosigned)
    assert not WITNESS.public.verifies(CHECKPOINT.text, later)
    assert not WITNESS.public.verifies(Checkpoint("a", 1, bytes(32)).text, cosigned)
    assert int.from_bytes(cosigned.value[:8], "big") == 1_777_000_000


def test_a_cosignature_is_no_signature_and_a_signature_no_cosignature() -> None:
    signer = Signer("witness.example", b"\3" * 32, SIGNS)

    assert signer.public.key_id != WITNESS.public.key_id
    for kind, value in (
        (COSIGNS, signer.sign(CHECKPOINT.text).value),
        (SIGNS, WITNESS.cosign(CHECKPOINT.text, 1).value),
    ):
        key = Signer("witness.example", b"\3" * 32, kind).public
        assert not key.verifies(CHECKPOINT.text, Signature(key.name, key.key_id, value))


def test_a_cosigned_checkpoint_is_opened_by_the_log_and_by_the_witness_and_the_witness_alone_opens_no_checkpoint() -> (
    None
):
    note = Note(CHECKPOINT.text, (LOG.sign(CHECKPOINT.text), WITNESS.cosign(CHECKPOINT.text, 1)))

    assert opened(parse_note(note.whole), [WITNESS.public, LOG.public]) == [LOG.public, WITNESS.public]
    assert opened_checkpoint(note.whole, [LOG.public]) == CHECKPOINT
    with pytest.raises(BadNote):
        opened_checkpoint(note.whole, [WITNESS.public])


def test_a_key_that_cosigns_opens_no_checkpoint_of_a_log_of_its_name() -> None:
    namesake = Signer(LOG.public.name, b"\3" * 32, COSIGNS)
    note = Note(CHECKPOINT.text, (namesake.cosign(CHECKPOINT.text, 1),))

    with pytest.raises(BadNote, match="no known key"):
        opened_checkpoint(note.whole, [namesake.public])


def test_a_signer_does_not_show_its_secret() -> None:
    assert "0101" not in repr(LOG)
    assert PETERS_SEED.hex() not in repr(vars(Signer("PeterNeumann", PETERS_SEED)))
