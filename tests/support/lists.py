"""Sanctions lists for tests, in OFAC's format."""

from datetime import date, timedelta
from io import BytesIO

from infrastructure.ids import now
from infrastructure.sanctions.sdn_advanced import SanctionsList, read
from infrastructure.sanctions.sdn_writer import write


def address(number: int) -> str:
    """A canonical address; the same number, the same address."""
    return f"0x{number:040x}"


def days_ago(days: int) -> date:
    """A day, counted from the real one."""
    return now().date() - timedelta(days=days)


def list_xml(*numbers: int, published: date, filler: int = 0) -> bytes:
    """A list that names the addresses of these numbers."""
    stream = BytesIO()
    write(stream, published=published, addresses=[("ETH", address(number)) for number in numbers], filler=filler)
    return stream.getvalue()


def list_naming(*numbers: int, published: date, filler: int = 0) -> SanctionsList:
    """The same, read."""
    return read(BytesIO(list_xml(*numbers, published=published, filler=filler)))
