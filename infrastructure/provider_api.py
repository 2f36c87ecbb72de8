"""Calls to providers over HTTP: bounded in time, number, rate and size, and nobody is asked who keeps failing.

What a provider cannot answer now is `ProviderUnavailable`, whatever the cause. Neither what was sent nor what came
back ever reaches a log, a metric or an error.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import httpx2
import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import CLOSED, OPENED, OpenedState
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from application.ports import ProviderUnavailable
from infrastructure.metrics import PROVIDER_CALLS, PROVIDER_LATENCY
from infrastructure.retry_after import seconds_asked

TIMEOUT: Final = httpx2.Timeout(5.0, connect=3.0)
DEADLINE: Final = 15.0
"""Seconds that one call may take, retries and waiting for its turn included."""
TRIES: Final = 3
LARGEST: Final = 1 << 20
"""Bytes of an answer."""
FAILURES: Final = 5
"""Calls that fail in a row before the provider is left alone."""
PAUSE: Final = 30.0
"""Seconds that it is left alone, before one call tries it."""
STEP: Final = 1.0
"""Seconds by which the machine's clock may go back without being set."""

Sign = Callable[[str, str, bytes], Mapping[str, str]]
"""The headers that authorise a request: of its method, path with query, and body. Made anew for every try."""

log = structlog.get_logger()


class Answered(NamedTuple):
    """What a provider said: a status that was expected, and the raw body."""

    status: int
    body: bytes


class _Failed(Exception):
    """One try failed, and another may succeed."""


class ProviderApi:
    """One provider's HTTP API."""

    def __init__(self, name: str, base_url: str, *, client: httpx2.AsyncClient, sign: Sign, rate: str) -> None:
        """`rate` is how often this process may call, such as `10/second`."""
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._client = client
        self._sign = sign
        self._rate: RateLimitItem = parse(rate)
        self._trial = asyncio.Lock()
        self._forget()

    def _forget(self) -> None:
        """Begin anew, as if nothing had been called yet."""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=FAILURES, default_ttl=PAUSE, exclude=[(ProviderUnavailable, _asked_to_wait)]
        )
        self._silent_until = self._called_at = 0.0

    async def call(
        self, method: str, path: str, *, content: bytes = b"", expected: Collection[int] = (200,)
    ) -> Answered:
        """Ask, and answer with the raw bytes. Raises `ProviderUnavailable` for any status that is not `expected`."""
        started, late = time.monotonic(), "rate_limited"
        try:
            async with asyncio.timeout(DEADLINE):
                await self._turn()  # waiting here is our own doing, and opens no circuit
                late = "timeout"
                async with self._circuit():
                    answered = await self._tried(method, path, content, expected)
        except TimeoutError:
            raise self.unavailable(late) from None
        PROVIDER_LATENCY.labels(self.name).observe(time.monotonic() - started)
        PROVIDER_CALLS.labels(self.name, "answered").inc()
        return answered

    def unavailable(self, why: str, *, retry_after: int = 0, status: int | None = None) -> ProviderUnavailable:
        """The outage to raise: counted, and logged without a word of what was said."""
        PROVIDER_CALLS.labels(self.name, why).inc()
        log.warning("provider_unavailable", provider=self.name, why=why, status=status)
        return ProviderUnavailable(retry_after)

    @asynccontextmanager
    async def _circuit(self) -> AsyncIterator[None]:
        """Let the call through, unless the provider is to be left alone. After a pause, one call tries it at a time."""
        breaker = await self._breakers.get_breaker(self.name)
        try:
            if breaker.context.state == CLOSED:
                async with breaker:
                    yield
            else:
                async with self._trial, breaker:
                    yield
        except OpenedState as opened:
            raise self._left_alone(opened.opened_at + PAUSE - time.time()) from None

    async def _turn(self) -> None:
        """Wait until the rate allows a call, for as long as the provider may be called at all."""
        if time.time() < self._called_at - STEP:  # the machine's clock was set back: what is kept is of another time
            self._forget()
        self._called_at = time.time()
        context = (await self._breakers.get_breaker(self.name)).context
        while True:
            if (wait := self._silent_until - time.time()) > 0:
                raise self.unavailable("asked_to_wait", retry_after=math.ceil(wait))
            if context.state == OPENED and (wait := (context.opened_at or 0.0) + PAUSE - time.time()) >= 0:
                raise self._left_alone(wait)
            if await self._limiter.hit(self._rate, self.name):
                return
            window = await self._limiter.get_window_stats(self._rate, self.name)
            await asyncio.sleep(max(window.reset_time - time.time(), 0.01))

    def _left_alone(self, wait: float) -> ProviderUnavailable:
        return self.unavailable("left_alone", retry_after=max(1, math.ceil(wait)))

    async def _tried(self, method: str, path: str, content: bytes, expected: Collection[int]) -> Answered:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_random_exponential(multiplier=0.2, max=2),
            retry=retry_if_exception_type(_Failed),
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    if attempt.retry_state.attempt_number > 1:
                        await self._turn()
                    return await self._once(method, path, content, expected)
        except _Failed as failed:
            raise self.unavailable(str(failed)) from None
        raise AssertionError  # the last attempt raises what it failed with

    async def _once(self, method: str, path: str, content: bytes, expected: Collection[int]) -> Answered:
        headers = {"accept-encoding": "identity", **self._sign(method, path, content)}
        try:
            async with self._client.stream(
                method, self._base_url + path, content=content, headers=headers, timeout=TIMEOUT, follow_redirects=False
            ) as response:
                self._check(response, expected)
                body = await self._body(response)
        except httpx2.TimeoutException:
            raise _Failed("timeout") from None
        except httpx2.HTTPError:
            raise _Failed("unreachable") from None
        return Answered(response.status_code, body)

    def _check(self, response: httpx2.Response, expected: Collection[int]) -> None:
        status = response.status_code
        if status in expected:
            return
        wait = seconds_asked(response.headers.get("retry-after", ""))
        if status in {429, 503} and (status == 429 or wait):  # noqa: PLR2004 -- too many requests
            self._silent_until = max(self._silent_until, time.time() + max(wait, 1))
            raise self.unavailable("asked_to_wait", retry_after=max(wait, 1), status=status)
        if status >= 500 or status == 408:  # noqa: PLR2004 -- the provider's fault, or a request that came too slowly
            raise _Failed("failed")
        raise self.unavailable("refused", status=status)

    async def _body(self, response: httpx2.Response) -> bytes:
        """The body as it came: nothing is unpacked, so that it is never larger than what was sent."""
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise self.unavailable("malformed", status=response.status_code)
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST:
                raise self.unavailable("too_large", status=response.status_code)
        return bytes(body)


def _asked_to_wait(outage: BaseException) -> bool:
    """Whether the provider answered after all, if only to ask for patience."""
    return isinstance(outage, ProviderUnavailable) and outage.retry_after > 0
