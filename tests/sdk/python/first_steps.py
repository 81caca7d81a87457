"""Snapshot, updates, alerts and refusal, on one connection."""

import uuid
from typing import Awaitable, Callable

from hub import Hub
from watcher import Entry, Watcher, expect, temperatures, unit_in

Check = tuple[str, Callable[[], Awaitable[None]]]


class FirstSteps:
    def __init__(self, hub: Hub, url: str, token: str, organization_id: str) -> None:
        self._hub = hub
        self._watcher = Watcher(url, token)
        self._org = f"org:{organization_id}"
        self._unit_id = self._site = self._unit = ""

    def checks(self) -> list[Check]:
        return [
            ("connects and subscribes to a site, a unit and the organization", self._subscribes),
            ("each first subscription brings a snapshot", self._brings_snapshots),
            ("a reading reaches the site and the unit", self._reaches),
            ("an alert reaches the site, the unit and the organization", self._alerts),
            ("a channel of nobody's is refused for good", self._refuses),
        ]

    async def close(self) -> None:
        await self._watcher.close()

    async def _subscribes(self) -> None:
        site_id = await self._hub.site()
        self._unit_id = await self._hub.unit(site_id, "Checked unit")
        self._site, self._unit = f"site:{site_id}", f"unit:{self._unit_id}"
        for channel in (self._site, self._unit, self._org):
            await self._watcher.watch(channel)
        await self._watcher.connect()
        for channel, log in self._watcher.logs.items():
            await self._watcher.until(f"{channel} to be subscribed", lambda log=log: bool(log))

    async def _brings_snapshots(self) -> None:
        first = {channel: log[0].subscribed for channel, log in self._watcher.logs.items()}
        for channel, reply in first.items():
            has_position = reply.recoverable and reply.stream_position and reply.stream_position.epoch
            expect(has_position and not reply.was_recovering, f"{channel} has no position to recover from")
        expect(unit_in(first[self._site].data, self._unit_id), "the site's snapshot lacks the unit")
        expect(unit_in(first[self._unit].data, self._unit_id), "the unit's snapshot is not of the unit")
        expect(isinstance(first[self._org].data["sites"], list), "the organization's snapshot lacks its sites")

    async def _reaches(self) -> None:
        for temperature in (3.125, 3.25):
            await self._hub.read(self._unit_id, temperature)
            for channel in (self._site, self._unit):
                log = self._watcher.logs[channel]
                await self._watcher.until(
                    f"{temperature} on {channel}",
                    lambda log=log, temperature=temperature: temperature in temperatures(log),
                )

    async def _alerts(self) -> None:
        await self._hub.read(self._unit_id, 30)
        for channel, log in self._watcher.logs.items():
            await self._watcher.until(
                f"the alert on {channel}", lambda log=log: any(self._is_opened(entry) for entry in log)
            )

    def _is_opened(self, entry: Entry) -> bool:
        data = entry.data
        if not data or data["type"] != "alert":
            return False
        return data["event"] == "opened" and data["alert"]["unitId"] == self._unit_id

    async def _refuses(self) -> None:
        channel = f"site:{uuid.uuid4()}"
        await self._watcher.watch(channel)
        await self._watcher.until("the refusal", lambda: channel in self._watcher.refused)
        code = self._watcher.refused[channel]
        expect(code in (102, 103), f"refused with {code}")
        expect(self._watcher.is_connected, "the refusal cost the connection")
