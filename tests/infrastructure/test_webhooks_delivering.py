import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from infrastructure.webhooks.claiming import LEASE, Room, Rooms, claim
from infrastructure.webhooks.deliverer import Deliverer
from infrastructure.webhooks.pace import WIDEST
from infrastructure.webhooks.retrying import GIVEN_UP_AFTER, LONGEST
from tests.conftest import Server
from tests.support.http import fresh_wallet, rows
from tests.support.raw_server import Reply
from tests.support.webhooks import Receiver, deliver, receiving
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

LATER = LONGEST + timedelta(seconds=1)
"""By then every retry is due."""
UNTRIED = """
    SELECT due <= now(), leased_until, first_attempt_at FROM gatehouse.webhook_deliveries
    WHERE webhook = %s AND attempts = 0
"""


@pytest.fixture(scope="module")
async def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    conninfo = server.clone()
    async with running(conninfo, tmp_path_factory.mktemp("service"), webhooks_allow_loopback=True) as world:
        yield world
    server.drop(conninfo)


@pytest.fixture
async def receiver(world: World) -> AsyncIterator[Receiver]:
    async with receiving(world) as receiver:
        yield receiver


async def test_a_partner_hears_of_its_customers_signed_and_in_order(world: World, receiver: Receiver) -> None:
    customer = await world.active(fresh_wallet(), "user-7")

    await deliver(world)

    receiver.verify()
    statuses = [(body["webhookType"], body["status"]) for body in receiver.bodies]
    assert statuses == [
        ("customer.created", "initiating"),
        ("customer.updated", "screening"),
        ("customer.updated", "verifying"),
        ("customer.updated", "active"),
    ]
    assert {body["id"] for body in receiver.bodies} == {customer["id"]}
    assert [body["previousSequence"] for body in receiver.bodies] == [None, *receiver.sequences[:-1]]
    assert receiver.server.requests[0].target == "/hook?token=t0ken"
    assert receiver.server.requests[0].method == "POST"
    assert len({request.headers["webhook-id"] for request in receiver.server.requests}) == 4


async def test_what_was_public_before_a_webhook_is_not_sent(world: World) -> None:
    await world.register(fresh_wallet())
    async with receiving(world) as receiver:
        await world.register(fresh_wallet(), "after")
        await deliver(world)

        assert [body["externalId"] for body in receiver.bodies] == ["after"]


async def test_nobody_hears_of_anothers_customers(world: World, receiver: Receiver) -> None:
    await world.register(fresh_wallet(), by="other")

    await deliver(world)

    assert receiver.bodies == []


async def test_only_the_wanted_types_are_sent(world: World, receiver: Receiver) -> None:
    changed = await receiver.register(["customer.updated"])
    wallet = fresh_wallet()
    customer = await world.register(wallet)
    await world.sign(customer, wallet)

    await deliver(world)

    assert (changed["id"], changed["types"]) == (receiver.id, ["customer.updated"])
    assert [body["status"] for body in receiver.bodies] == ["screening"]


async def test_a_retry_is_the_same_message_and_what_follows_waits_for_it(world: World, receiver: Receiver) -> None:
    wallet = fresh_wallet()
    customer = await world.register(wallet)
    await world.sign(customer, wallet)
    await world.register(fresh_wallet(), "another")
    receiver.replies = [Reply(500)]

    await deliver(world)
    first = [(delivery["status"], delivery["attempts"]) for delivery in await receiver.deliveries()]
    with world.clock.moved(LATER):
        await deliver(world)

    receiver.verify()
    ids = [request.headers["webhook-id"] for request in receiver.server.requests]
    created, updated, another = (delivery["id"] for delivery in await receiver.deliveries())
    assert first == [("pending", 1), ("waiting", 0), ("delivered", 1)]
    assert ids == [created, another, created, updated]
    assert all(delivery["status"] == "delivered" for delivery in await receiver.deliveries())


@pytest.mark.parametrize(
    ("reply", "outcome", "status"),
    [
        (Reply(503), "refused", 503),
        (Reply(301, headers={"location": "http://127.0.0.1:1/"}), "refused", 301),
        (Reply(404), "refused", 404),
        (Reply(raw=b""), "unreachable", None),
        (Reply(raw=b"nonsense\r\n\r\n"), "unreachable", None),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000), "unreachable", None),
    ],
    ids=["server error", "redirect", "not found", "reset", "no HTTP", "endless head"],
)
async def test_whatever_is_no_success_is_tried_again(
    world: World, receiver: Receiver, reply: Reply, outcome: str, status: int | None
) -> None:
    await world.register(fresh_wallet())
    receiver.replies = [reply]

    await deliver(world)
    (failed,) = await receiver.deliveries()
    with world.clock.moved(LATER):
        await deliver(world)
    (delivered,) = await receiver.deliveries()

    assert (failed["lastOutcome"], failed.get("lastStatus")) == (outcome, status)
    assert failed["status"] == "pending"
    assert (delivered["status"], delivered["attempts"], delivered["lastStatus"]) == ("delivered", 2, 204)
    assert len(receiver.server.requests) == 2


async def test_a_long_answer_is_taken_and_not_read(world: World, receiver: Receiver) -> None:
    await world.register(fresh_wallet())
    receiver.replies = [Reply(200, b"x" * 100, length=10**9, drip=True)]

    await deliver(world)

    assert (await receiver.deliveries())[0]["status"] == "delivered"


async def test_a_receiver_that_asks_for_time_gets_it(world: World, receiver: Receiver) -> None:
    await world.register(fresh_wallet())
    receiver.replies = [Reply(429, headers={"retry-after": "1800"})]

    await deliver(world)
    with world.clock.moved(timedelta(minutes=29)):
        await deliver(world)
    early = len(receiver.server.requests)
    with world.clock.moved(timedelta(minutes=31)):
        await deliver(world)

    assert (early, len(receiver.server.requests)) == (1, 2)


async def test_what_waits_for_a_receiver_that_asks_for_time_is_left_as_if_it_had_not_been_claimed(
    world: World, receiver: Receiver
) -> None:
    for _ in range(4):
        await world.register(fresh_wallet())
    deliverer = await deliver(world)
    for _ in range(WIDEST + 5):
        await world.register(fresh_wallet())
    receiver.replies = [Reply(429, headers={"retry-after": "1800"})] * WIDEST

    await deliver(world, deliverer)

    untried = await rows(world, UNTRIED, receiver.id)
    assert len(receiver.server.requests) == 4 + WIDEST
    assert untried == [(True, None, None)] * 5


async def test_a_worker_that_is_told_to_end_leaves_what_it_has_in_stock_to_the_next(
    world: World, receiver: Receiver
) -> None:
    for _ in range(4):
        await world.register(fresh_wallet())
    ending = await deliver(world)
    for _ in range(WIDEST + 5):
        await world.register(fresh_wallet())
    receiver.replies = [Reply(silent=True)] * WIDEST
    await world.project()
    await ending.take()

    running = asyncio.create_task(ending.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])

    untried = await rows(world, UNTRIED, receiver.id)
    assert untried == [(True, None, None)] * 5


async def test_no_more_is_claimed_than_there_is_room_for_in_all(world: World, receiver: Receiver) -> None:
    async with receiving(world) as other:
        for _ in range(3):
            await world.register(fresh_wallet())
        await world.project()
        starting = Deliverer(world.services)
        await starting.take()  # which makes the deliveries, and tries one to each
        await starting.idle()
        partner = next(UUID(key["partner"]) for key in await world.services.directory.all() if key["name"] == "partner")
        rooms = Rooms([Room(UUID(each.id), partner, 9) for each in (receiver, other)], at_most=3)

        async with world.services.pool.connection() as connection:
            now = world.clock()
            claimed = await claim(connection, rooms, now=now, until=now + timedelta(seconds=LEASE))

    assert len(claimed) == 3


async def test_a_delivery_whose_worker_died_is_taken_up_again(world: World, receiver: Receiver) -> None:
    await world.register(fresh_wallet())
    await world.project()
    dead = Deliverer(world.services)
    await dead.take()
    for task in dead._under_way:  # noqa: SLF001 -- as a kill would
        task.cancel()

    await deliver(world)
    leased = len(receiver.server.requests)
    with world.clock.moved(timedelta(seconds=LEASE + 1)):
        await deliver(world)

    assert (leased, len(receiver.server.requests)) == (0, 1)
    assert (await receiver.deliveries())[0]["attempts"] == 2


async def test_who_took_something_lately_does_not_have_to_prove_itself_to_a_worker_that_starts(
    world: World, receiver: Receiver
) -> None:
    await world.register(fresh_wallet())
    await deliver(world)
    async with receiving(world) as new:
        for _ in range(3):
            await world.register(fresh_wallet())
        await world.project()
        begun = Deliverer(world.services)
        await begun.take()
        await begun.idle()

        assert (len(receiver.server.requests), len(new.server.requests)) == (4, 1)
        await deliver(world, begun)


async def test_after_three_days_a_webhook_is_failing_and_nothing_is_lost(world: World, receiver: Receiver) -> None:
    await world.register(fresh_wallet(), "first")
    receiver.replies = [Reply(500), Reply(500)]
    await deliver(world)

    with world.clock.moved(GIVEN_UP_AFTER):
        await deliver(world)
        await world.register(fresh_wallet(), "second")
        await deliver(world)
        failing, sent = await receiver.shown(), len(receiver.server.requests)
        tested = await world.partner.post(f"{receiver.path}/test")
        await deliver(world)
        recovered = await receiver.shown()

    assert (failing["status"], failing["cause"], sent) == ("failing", "undelivered", 2)
    assert tested.json() == {"delivered": True, "outcome": "delivered", "status": 204}
    assert recovered["status"] == "active"
    assert [body.get("externalId") for body in receiver.bodies] == ["first", "first", None, "first", "second"]
    receiver.verify()


async def test_a_receiver_that_is_gone_is_left_alone_until_a_redelivery_is_taken(
    world: World, receiver: Receiver
) -> None:
    await world.register(fresh_wallet())
    receiver.replies = [Reply(410)]
    await deliver(world)
    failing = await receiver.shown()
    with world.clock.moved(LATER):
        await deliver(world)
    alone = len(receiver.server.requests)

    (delivery,) = await receiver.deliveries()
    answer = await world.partner.post(f"{receiver.path}/deliveries/{delivery['id']}/redeliver")
    await deliver(world)

    assert (failing["status"], failing["cause"], alone) == ("failing", "gone", 1)
    assert answer.status_code == 202
    assert (await receiver.shown())["status"] == "active"
    assert (await receiver.deliveries())[0]["status"] == "delivered"


async def test_what_was_delivered_can_be_sent_again_under_the_same_id(world: World, receiver: Receiver) -> None:
    await world.register(fresh_wallet())
    await deliver(world)
    (delivery,) = await receiver.deliveries()

    await world.partner.post(f"{receiver.path}/deliveries/{delivery['id']}/redeliver")
    await deliver(world)

    assert [request.headers["webhook-id"] for request in receiver.server.requests] == [delivery["id"]] * 2
    assert receiver.server.requests[0].body == receiver.server.requests[1].body


async def test_a_redelivery_of_what_waits_keeps_the_order(world: World, receiver: Receiver) -> None:
    wallet = fresh_wallet()
    customer = await world.register(wallet)
    await world.sign(customer, wallet)
    receiver.replies = [Reply(500)]
    await deliver(world)
    _, waiting = await receiver.deliveries()

    await world.partner.post(f"{receiver.path}/deliveries/{waiting['id']}/redeliver")
    await deliver(world)

    assert [body["status"] for body in receiver.bodies] == ["initiating", "initiating", "screening"]


async def test_both_secrets_sign_while_one_is_replaced(world: World, receiver: Receiver) -> None:
    rotated = (await world.partner.post(f"{receiver.path}/secret")).json()
    await world.register(fresh_wallet())
    await deliver(world)
    receiver.verify(receiver.secret, rotated["secret"])
    receiver.server.requests.clear()

    with world.clock.moved(timedelta(hours=24, seconds=1)):
        await world.register(fresh_wallet())
        await deliver(world)

    (request,) = receiver.server.requests
    assert len(request.headers["webhook-signature"].split(" ")) == 1


async def test_a_removed_webhook_leaves_nothing(world: World) -> None:
    async with receiving(world) as receiver:
        await world.register(fresh_wallet())
        await world.project()
        receiver.replies = [Reply(500)]
        deliverer = await deliver(world)
        assert (await world.partner.delete(receiver.path)).status_code == 204

        with world.clock.moved(LATER):
            deliverer = await deliver(world)
        await deliverer._clear_away()  # noqa: SLF001 -- done once a minute

        assert len(receiver.server.requests) == 1
        left = await rows(world, "SELECT 1 FROM gatehouse.webhook_deliveries WHERE webhook = %s", receiver.id)
        key = await rows(world, "SELECT wrapped FROM gatehouse.hold_keys(array[%s]::uuid[])", receiver.id)
        assert (left, key) == ([], [(None,)])
