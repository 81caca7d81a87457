"""Drops a connection at each of many offsets and checks what comes after.

One unit is read again and again. Client k loses its connection, hard, when it has seen offset base + k of the site's
channel, stays away for at least three readings, and comes back. It must then be told exactly what it missed, in order, or
a reset with a snapshot that is as new as the readings acknowledged before it came back.
"""

import asyncio
import contextlib
import urllib.parse
from dataclasses import dataclass, field

from hub import Hub
from relay import Relay
from watcher import Entry, Failed, Watcher, expect, temperatures, unit_in

# How many readings a client misses at least.
MISSED = 3
# How far the readings may run ahead of the slowest client that is connected: none is made a slow reader.
AHEAD = 4


def celsius(n: int) -> float:
    """Reading number n. Each is another temperature, and all are inside the limits, so nothing else is published."""
    return (3_000 + n) / 1_000


def number_of(temperature: float) -> int:
    return round(temperature * 1_000) - 3_000


@dataclass
class DroppedClient:
    k: int
    relay: Relay
    watcher: Watcher
    drop_at: int = 0
    dropped: bool = False
    away: bool = False
    back_after: int = 0
    acknowledged_before: int = 0
    drop: asyncio.Task[None] | None = None

    def is_there(self) -> bool:
        return all(self.watcher.logs.values())

    def newest(self, channel: str) -> int:
        """The number of the newest reading that was told on a channel."""
        entry = self.watcher.logs[channel][-1]
        return number_of(temperature_in(entry))


@dataclass
class Verdict:
    name: str
    kind: str = ""
    failure: str = ""


@dataclass
class Scene:
    hub: Hub
    unit_id: str
    channels: list[str]
    read: int = 0
    clients: list[DroppedClient] = field(default_factory=list)

    async def read_once(self) -> None:
        self.read += 1
        await self.hub.read(self.unit_id, celsius(self.read))


async def drops_at_each_offset(hub: Hub, url: str, token: str, offsets: int) -> list[Verdict]:
    """Answers one verdict for each offset."""
    scene = await _open_scene(hub, url, token, offsets)
    try:
        await _read_on_and_on(scene)
        await asyncio.gather(*(_settled(client, scene.read) for client in scene.clients))
        return [_verdict(client, scene) for client in scene.clients]
    finally:
        await asyncio.gather(*(_close(client) for client in scene.clients))


async def _open_scene(hub: Hub, url: str, token: str, offsets: int) -> Scene:
    site_id = await hub.site()
    unit_id = await hub.unit(site_id, "Read again and again")
    scene = Scene(hub, unit_id, [f"site:{site_id}", f"unit:{unit_id}"])
    # The first readings also bring the sensor online: the counting begins when that is over.
    for _ in range(3):
        await scene.read_once()
    for k in range(1, offsets + 1):
        scene.clients.append(await _open_client(scene, url, token, k))
    await asyncio.gather(*(client.watcher.until("both snapshots", client.is_there) for client in scene.clients))
    for client in scene.clients:
        client.drop_at = client.watcher.logs[scene.channels[0]][-1].position + client.k
        client.drop = asyncio.create_task(_drop(client, scene))
    return scene


async def _close(client: DroppedClient) -> None:
    if client.drop is not None:
        client.drop.cancel()
    await client.watcher.close()
    await client.relay.stop()


async def _open_client(scene: Scene, url: str, token: str, k: int) -> DroppedClient:
    address = urllib.parse.urlsplit(url)
    relay = Relay(address.hostname or "127.0.0.1", address.port or 80)
    port = await relay.listen()
    watcher = Watcher(address._replace(netloc=f"127.0.0.1:{port}").geturl(), token)
    for channel in scene.channels:
        await watcher.watch(channel)
    await watcher.connect()
    return DroppedClient(k, relay, watcher)


async def _drop(client: DroppedClient, scene: Scene) -> None:
    """Cuts the client's connection as soon as its offset has arrived."""
    log = client.watcher.logs[scene.channels[0]]
    # An offset that never comes is said by the verdict.
    with contextlib.suppress(Failed):
        await client.watcher.until(
            f"offset {client.drop_at}", lambda: log[-1].position >= client.drop_at, timeout_s=120.0
        )
        client.relay.cut()
        client.dropped = client.away = True
        client.back_after = scene.read + MISSED


async def _read_on_and_on(scene: Scene) -> None:
    for _ in range(len(scene.clients) + 2 * MISSED + 2):
        await scene.read_once()
        for client in scene.clients:
            _let_back(client, scene)
        await asyncio.gather(*(_not_far_behind(client, scene) for client in scene.clients if not client.dropped))


def _let_back(client: DroppedClient, scene: Scene) -> None:
    if not client.away or scene.read < client.back_after:
        return
    client.away = False
    client.acknowledged_before = scene.read
    client.relay.open()


async def _not_far_behind(client: DroppedClient, scene: Scene) -> None:
    """Waits for a client that has not been away yet; one that was catches up in its own time."""
    site, wanted = scene.channels[0], scene.read - AHEAD
    await client.watcher.until(f"reading {wanted}", lambda: client.dropped or client.newest(site) >= wanted)


async def _settled(client: DroppedClient, last: int) -> None:
    """Waits until the client came back and knows the last reading. Running out of time is for the verdict to say."""

    def knows_all() -> bool:
        came_back = all(sum(1 for entry in log if entry.subscribed) > 1 for log in client.watcher.logs.values())
        return came_back and all(client.newest(channel) == last for channel in client.watcher.logs)

    with contextlib.suppress(Failed):
        await client.watcher.until("the last reading", knows_all)


def temperature_in(entry: Entry) -> float:
    if entry.subscribed is None:
        return entry.data["unit"]["temperature"]
    snapshot = entry.subscribed.data
    if snapshot is None:
        return celsius(0)  # a recovery without anything missed: what came before stands
    unit = snapshot["unit"] if snapshot["type"] == "unit" else snapshot["units"][0]
    return unit["temperature"]


def _verdict(client: DroppedClient, scene: Scene) -> Verdict:
    verdict = Verdict(f"offset {client.drop_at}")
    try:
        expect(client.dropped, "was never dropped: the offset did not come")
        kinds = {_judge_channel(client, scene, channel) for channel in scene.channels}
        verdict.kind = "recovered" if kinds == {"recovered"} else "reset"
    except Failed as failure:
        verdict.failure = str(failure)
    return verdict


def _judge_channel(client: DroppedClient, scene: Scene, channel: str) -> str:
    log = client.watcher.logs[channel]
    replies = [index for index, entry in enumerate(log) if entry.subscribed]
    expect(len(replies) == 2, f"{channel} was subscribed {len(replies)} times")
    reply = log[replies[1]]
    expect(reply.subscribed.was_recovering, f"{channel}: the SDK did not ask to recover")
    before, after = log[: replies[1]], log[replies[1] + 1 :]
    _expect_in_order(channel, before)
    if reply.subscribed.recovered:
        # What came before and what came after are one unbroken story to the last reading.
        _expect_whole(channel, before + after, scene)
        return "recovered"
    unit = unit_in(reply.subscribed.data, scene.unit_id)
    expect(unit, f"{channel}: a reset without a snapshot")
    number = number_of(unit["temperature"])
    acknowledged = client.acknowledged_before
    expect(number >= acknowledged, f"{channel}: the snapshot is at reading {number}, {acknowledged} was acknowledged")
    _expect_whole(channel, [reply, *after], scene)
    return "reset"


def _expect_whole(channel: str, log: list[Entry], scene: Scene) -> None:
    _expect_in_order(channel, log)
    expect(temperature_in(log[-1]) == celsius(scene.read), f"{channel}: the last reading did not arrive")


def _expect_in_order(channel: str, log: list[Entry]) -> None:
    """Offsets rise by one from the reply on, and so do the readings."""
    offset, reading = log[0].position, number_of(temperature_in(log[0]))
    for entry in log[1:]:
        expect(entry.offset == offset + 1, f"{channel}: offset {entry.offset} follows on {offset}")
        offset = entry.offset
        for temperature in temperatures([entry]):
            number = number_of(temperature)
            expect(number in (reading, reading + 1), f"{channel}: reading {number} follows on {reading}")
            reading = number
