import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.wallet import MalformedAccount, Wallet, canonical, checksum, parse_account, same_wallet
from infrastructure.wallets.wallet_proof import keccak256
from tests.domain.samples import ADDRESS, STRANGER

# https://eips.ethereum.org/EIPS/eip-55, "Test Cases", all of them
EIP_55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]
MIXED = EIP_55[4:]
LOWER, UPPER = ADDRESS.lower(), f"0x{ADDRESS[2:].upper()}"

ADDRESSES = st.text("0123456789abcdefABCDEF", min_size=40, max_size=40).map(lambda digits: f"0x{digits}")


@pytest.mark.parametrize("address", EIP_55)
def test_the_checksum_is_that_of_eip_55(address: str) -> None:
    assert checksum(address, keccak256) == address
    assert checksum(address.lower(), keccak256) == address
    assert checksum(f"0x{address[2:].upper()}", keccak256) == address


@pytest.mark.parametrize("address", EIP_55)
def test_an_account_is_read_whether_its_letters_are_checked_all_lower_or_all_upper(address: str) -> None:
    for written in (address, address.lower(), f"0x{address[2:].upper()}"):
        assert parse_account(f"eip155:1:{written}", keccak256) == Wallet("1", address)


def test_an_address_without_letters_needs_no_checksum() -> None:
    assert parse_account(f"eip155:1:0x{'1' * 40}", keccak256) == Wallet("1", f"0x{'1' * 40}")


@pytest.mark.parametrize("at", [0, 1, 39])
@pytest.mark.parametrize("letter", ["a", "A"])
def test_one_letter_alone_is_of_one_case(letter: str, at: int) -> None:
    address = f"0x{'1' * at}{letter}{'1' * (39 - at)}"

    assert parse_account(f"eip155:1:{address}", keccak256).address.lower() == address.lower()


@pytest.mark.parametrize("address", MIXED)
def test_one_letter_in_the_wrong_case_breaks_the_checksum(address: str) -> None:
    letters = [at for at, digit in enumerate(address) if at > 1 and digit.isalpha()]
    for at in letters:
        wrong = address[:at] + address[at].swapcase() + address[at + 1 :]
        with pytest.raises(MalformedAccount) as fault:
            parse_account(f"eip155:1:{wrong}", keccak256)
        assert fault.value.code == "invalid_checksum"


CHAINS = ["1", "10", "137", "8453", "11155111", "9" * 32]


@pytest.mark.parametrize("chain", CHAINS)
def test_the_chain_is_kept_as_a_decimal_number(chain: str) -> None:
    assert parse_account(f"eip155:{chain}:{ADDRESS}", keccak256).chain == chain


MALFORMED = {
    "nothing": "",
    "a bare address": ADDRESS,
    "no namespace": f"1:{ADDRESS}",
    "another namespace": f"cosmos:1:{ADDRESS}",
    "solana": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv",
    "the namespace in upper case": f"EIP155:1:{ADDRESS}",
    "no chain": f"eip155::{ADDRESS}",
    "chain zero": f"eip155:0:{ADDRESS}",
    "a leading zero": f"eip155:01:{ADDRESS}",
    "a sign": f"eip155:+1:{ADDRESS}",
    "a negative chain": f"eip155:-1:{ADDRESS}",
    "a chain in hex": f"eip155:0x1:{ADDRESS}",
    "a chain by name": f"eip155:mainnet:{ADDRESS}",
    "a fraction": f"eip155:1.0:{ADDRESS}",
    "digits grouped": f"eip155:1_0:{ADDRESS}",
    "arabic digits": f"eip155:\u0661:{ADDRESS}",
    "full-width digits": f"eip155:\uff11:{ADDRESS}",
    "superscript digits": f"eip155:1\u00b2:{ADDRESS}",
    "a chain of 33 digits": f"eip155:{'9' * 33}:{ADDRESS}",
    "39 digits": f"eip155:1:{LOWER[:-1]}",
    "41 digits": f"eip155:1:{LOWER}0",
    "0X": f"eip155:1:0X{LOWER[2:]}",
    "no 0x": f"eip155:1:{LOWER[2:]}",
    "a letter that is no digit": f"eip155:1:{LOWER[:-1]}g",
    "a full-width digit in the address": f"eip155:1:{LOWER[:-1]}\uff11",
    "a cyrillic letter in the address": f"eip155:1:{LOWER[:-1]}\u0430",
    "a newline at the end": f"eip155:1:{ADDRESS}\n",
    "a carriage return at the end": f"eip155:1:{ADDRESS}\r",
    "a space at the end": f"eip155:1:{ADDRESS} ",
    "a space at the start": f" eip155:1:{ADDRESS}",
    "a newline at the start": f"\neip155:1:{ADDRESS}",
    "a space inside": f"eip155: 1:{ADDRESS}",
    "a zero byte at the end": f"eip155:1:{ADDRESS}\0",
    "a fourth part": f"eip155:1:{ADDRESS}:1",
    "an ens name": "eip155:1:vitalik.eth",
}


@pytest.mark.parametrize("account", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_evm_account_is_refused_and_not_repeated(account: str) -> None:
    with pytest.raises(MalformedAccount) as fault:
        parse_account(account, keccak256)

    assert fault.value.code == str(fault.value) == "malformed_account"


@pytest.mark.parametrize(
    "written", [f"eip155:1:{ADDRESS}", f"eip155:137:{ADDRESS}", f"eip155:1:{LOWER}", f"eip155:10:{UPPER}", LOWER, UPPER]
)
def test_an_address_is_one_wallet_on_every_chain_in_any_case(written: str) -> None:
    assert canonical(written) == f"eip155:{LOWER}"
    assert same_wallet(written, f"eip155:1:{ADDRESS}")
    assert not same_wallet(written, f"eip155:1:{STRANGER}")


@settings(derandomize=True)
@given(ADDRESSES, st.sampled_from(CHAINS))
def test_reading_what_was_written_changes_nothing(address: str, chain: str) -> None:
    wallet = parse_account(f"eip155:{chain}:{address.lower()}", keccak256)
    written = f"eip155:{wallet.chain}:{wallet.address}"

    assert parse_account(written, keccak256) == wallet
    assert canonical(written) == canonical(address)
    assert canonical(canonical(written)) == canonical(written)


@settings(derandomize=True)
@given(ADDRESSES)
def test_of_mixed_letters_only_the_checksum_is_read(address: str) -> None:
    digits = address[2:]
    one_case = digits in (digits.lower(), digits.upper())
    if one_case or checksum(address, keccak256) == address:
        assert parse_account(f"eip155:1:{address}", keccak256).address == checksum(address, keccak256)
    else:
        with pytest.raises(MalformedAccount, match="invalid_checksum"):
            parse_account(f"eip155:1:{address}", keccak256)
