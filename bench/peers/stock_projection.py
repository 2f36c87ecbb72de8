"""The `eventsourcing` library's projection runner as its documentation shows it, for the rows that `customers` holds.

One transaction an event: the row and the position that the library tracks.
"""

from typing import Any, Final

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from bench.peers.stock_library import Customer, Onboarding, WalletClaim
from bench.traffic import checksummed

TABLE: Final = SQL("""
    CREATE TABLE IF NOT EXISTS customers (
        id uuid PRIMARY KEY,
        external_id text NOT NULL,
        chain_id text NOT NULL,
        wallet text NOT NULL,
        status text NOT NULL,
        detail text NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        registered_position bigint NOT NULL
    )
""").format()
INSERT: Final = """
    INSERT INTO customers VALUES (%s, %s, %s, %s, 'initiating', 'awaiting_signature', 1, %s, %s, %s)
"""
ADVANCE: Final = "UPDATE customers SET version = %s WHERE id = %s"


class CustomerRows(PostgresTrackingRecorder):
    """The read model, kept with its position."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:  # noqa: ANN401 -- the library's
        super().__init__(datastore, **kwargs)
        self.sql_create_statements.append(TABLE)

    def apply(self, statement: str, values: tuple[object, ...], tracking: Tracking) -> None:
        """Write a row and the position in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(statement, values, prepare=True)
            self._insert_tracking(cursor, tracking)


class Customers(Projection[CustomerRows]):
    """Event in, row out."""

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:  # noqa: ANN401 -- the library's
        """Take any other event as seen."""
        self.view.insert_tracking(tracking)

    @process_event.register
    def _registered(
        self,
        event: Customer.CustomerRegistered,  # type: ignore[name-defined] # made by the decorator
        tracking: Tracking,
    ) -> None:
        at, wallet = event.timestamp, event.wallet
        values = (event.originator_id, event.external_id, wallet, wallet.lower(), at, at, tracking.notification_id)
        self.view.apply(INSERT, values, tracking)

    @process_event.register
    def _challenged(
        self,
        event: Customer.ChallengeIssued,  # type: ignore[name-defined] # made by the decorator
        tracking: Tracking,
    ) -> None:
        self.view.apply(ADVANCE, (event.originator_version, event.originator_id), tracking)


def register_many(customers: int) -> int:
    """Fill the library's log and return the last position. A save each: of thousands at once, it waits for good."""
    onboarding = Onboarding()
    for number in range(customers):
        wallet = f"eip155:1:{checksummed(number.to_bytes(20, 'big'))}"
        customer = Customer(wallet=wallet, external_id=f"user-{number}")
        customer.issue_challenge(message="m" * 400, nonce="n" * 20, expires_at=customer.created_on)
        onboarding.save(customer, WalletClaim(wallet=wallet, customer_id=customer.id))
    return onboarding.recorder.max_notification_id() or 0


def runner() -> ProjectionRunner[Onboarding, CustomerRows]:
    """Start following the log from its beginning."""
    return ProjectionRunner(application_class=Onboarding, projection_class=Customers, view_class=CustomerRows)
