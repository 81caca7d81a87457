"""One client of the unmodified SDK, and everything that it was told, by channel and in the order it was told."""

import asyncio
from dataclasses import dataclass
from typing import Any, Callable

from centrifuge import (
    Client,
    ClientEventHandler,
    ClientState,
    PublicationContext,
    SubscribedContext,
    SubscriptionEventHandler,
    UnsubscribedContext,
)


class Failed(Exception):
    """A check did not hold."""


def expect(condition: Any, otherwise: str) -> None:
    if not condition:
        raise Failed(otherwise)


@dataclass(frozen=True)
class Entry:
    """A subscribe reply, or a publication with its offset."""

    subscribed: SubscribedContext | None = None
    offset: int = 0
    data: Any = None

    @property
    def position(self) -> int:
        return self.offset if self.subscribed is None else self.subscribed.stream_position.offset


class _ClientEvents(ClientEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    async def on_connecting(self, ctx: Any) -> None:
        self._wake()

    async def on_connected(self, ctx: Any) -> None:
        self._wake()

    async def on_disconnected(self, ctx: Any) -> None:
        self._wake()


class _ChannelEvents(SubscriptionEventHandler):
    def __init__(self, log: list[Entry], refused: dict[str, int], channel: str, wake: Callable[[], None]) -> None:
        self._log, self._refused, self._channel, self._wake = log, refused, channel, wake

    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        self._log.append(Entry(subscribed=ctx))
        self._wake()

    async def on_publication(self, ctx: PublicationContext) -> None:
        self._log.append(Entry(offset=ctx.pub.offset, data=ctx.pub.data))
        self._wake()

    async def on_unsubscribed(self, ctx: UnsubscribedContext) -> None:
        self._refused[self._channel] = ctx.code
        self._wake()


class Watcher:
    """Keeps a log for each channel that it watches."""

    def __init__(self, url: str, token: str) -> None:
        self.logs: dict[str, list[Entry]] = {}
        self.refused: dict[str, int] = {}
        self._looks: dict[asyncio.Future[None], Callable[[], bool]] = {}
        self.client = Client(
            url,
            events=_ClientEvents(self._wake),
            token=token,
            min_reconnect_delay=0.05,
            max_reconnect_delay=0.5,
            proxy=None,
        )

    async def watch(self, channel: str) -> None:
        log = self.logs[channel] = []
        events = _ChannelEvents(log, self.refused, channel, self._wake)
        await self.client.new_subscription(channel, events=events).subscribe()

    async def connect(self) -> None:
        await self.client.connect()

    async def close(self) -> None:
        await self.client.disconnect()

    @property
    def is_connected(self) -> bool:
        return self.client.state == ClientState.CONNECTED

    async def until(self, what: str, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Waits for a condition on what was told; it is asked again with each event."""
        if condition():
            return
        look: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._looks[look] = condition
        try:
            await asyncio.wait_for(look, timeout_s)
        except asyncio.TimeoutError:
            raise Failed(f"timed out waiting for {what}") from None
        finally:
            self._looks.pop(look, None)

    def _wake(self) -> None:
        for look, condition in list(self._looks.items()):
            if not look.done() and condition():
                look.set_result(None)


def temperatures(log: list[Entry]) -> list[float]:
    """What a channel told of units: the publications' temperatures, in order."""
    return [entry.data["unit"]["temperature"] for entry in log if entry.data and entry.data["type"] == "unit"]


def unit_in(snapshot: Any, unit_id: str) -> Any:
    """The unit's live view in a snapshot of its site or of itself."""
    if not snapshot:
        return None
    units = [snapshot["unit"]] if snapshot["type"] == "unit" else snapshot.get("units", [])
    return next((unit for unit in units if unit["id"] == unit_id), None)
