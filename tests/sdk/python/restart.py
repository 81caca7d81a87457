"""A client lives through a restart of the hub on the same port."""

from first_steps import Check
from hub import Hub
from watcher import Watcher, expect, temperatures, unit_in

PATIENCE_S = 90.0


class Restart:
    def __init__(self, hub: Hub, url: str, token: str, organization_id: str) -> None:
        self._hub = hub
        self._watcher = Watcher(url, token)
        self._org = f"org:{organization_id}"
        self._unit_id = self._site = self._unit = ""

    def checks(self) -> list[Check]:
        return [
            ("has snapshots and updates before the restart", self._before),
            ("is connected and subscribed again after it", self._comes_back),
            ("is told of a reset, with snapshots as new as the last reading", self._is_reset),
            ("has further updates", self._after),
        ]

    async def close(self) -> None:
        await self._watcher.close()

    async def _before(self) -> None:
        site_id = await self._hub.site()
        self._unit_id = await self._hub.unit(site_id, "Outlives a restart")
        self._site, self._unit = f"site:{site_id}", f"unit:{self._unit_id}"
        for channel in (self._site, self._unit, self._org):
            await self._watcher.watch(channel)
        await self._watcher.connect()
        for channel, log in self._watcher.logs.items():
            await self._watcher.until(f"{channel} to be subscribed", lambda log=log: bool(log))
        await self._reading(3.5)
        await self._reading(3.625)

    async def _comes_back(self) -> None:
        expect(self._watcher.is_connected, "was not connected to begin with")
        print("READY_FOR_RESTART", flush=True)
        await self._watcher.until("the connection to be lost", lambda: not self._watcher.is_connected, PATIENCE_S)
        await self._watcher.until("all channels to be subscribed again", self._is_back, PATIENCE_S)

    def _is_back(self) -> bool:
        logs = self._watcher.logs.values()
        return self._watcher.is_connected and all(sum(1 for each in log if each.subscribed) >= 2 for log in logs)

    async def _is_reset(self) -> None:
        for channel, log in self._watcher.logs.items():
            reply = next(entry.subscribed for entry in reversed(log) if entry.subscribed)
            expect(reply.was_recovering, f"{channel}: the SDK did not ask to recover")
            expect(not reply.recovered, f"{channel}: recovered, though the history went with the process")
            expect(reply.data, f"{channel}: a reset without a snapshot")
            if channel != self._org:
                temperature = unit_in(reply.data, self._unit_id)["temperature"]
                expect(temperature == 3.625, f"{channel}: the snapshot says {temperature}")

    async def _after(self) -> None:
        await self._reading(3.75)
        await self._reading(3.875)

    async def _reading(self, temperature: float) -> None:
        await self._hub.read(self._unit_id, temperature)
        for channel in (self._site, self._unit):
            log = self._watcher.logs[channel]
            await self._watcher.until(f"{temperature} on {channel}", lambda log=log: temperature in temperatures(log))
