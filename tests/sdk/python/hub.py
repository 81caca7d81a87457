"""The hub's HTTP interface, as far as these checks need it."""

import asyncio
import datetime
import http.client
import json
import time
import urllib.parse
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PATIENCE_S = 30.0
MILLISECOND = datetime.timedelta(milliseconds=1)


class Hub:
    """Speaks HTTP on a thread of its own, so that the sockets' loop never waits for it."""

    def __init__(self, address: str, token: str, api_key: str) -> None:
        self._netloc = urllib.parse.urlsplit(address).netloc
        self._token = token
        self._api_key = api_key
        self._recorded_at = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
        self._connection: http.client.HTTPConnection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def organization_id(self) -> str:
        return (await self._call("GET", "/api/v1/organizations"))["items"][0]["id"]

    async def site(self) -> str:
        """Makes a site of its own for this run, so that nobody else publishes there."""
        return (await self._call("POST", "/api/v1/sites", {"name": f"SDK check {uuid.uuid4().hex[:8]}"}))["id"]

    async def unit(self, site_id: str, name: str) -> str:
        return (await self._call("POST", "/api/v1/units", {"siteId": site_id, "name": name, "preset": "us.cold.reachin"}))["id"]

    async def read(self, unit_id: str, temperature: float) -> None:
        """Posts one reading and returns when it is durable and judged. A busy or restarting hub is asked again."""
        # An instant of its own each: two readings of one millisecond would be one reading sent twice.
        self._recorded_at = max(datetime.datetime.now(datetime.timezone.utc), self._recorded_at + MILLISECOND)
        reading = {
            "unitId": unit_id,
            "temperature": temperature,
            "recordedAt": self._recorded_at.isoformat(timespec="milliseconds"),
            "source": "sdk-check",
            "channel": "temperature",
        }
        answer = await self._call("POST", "/api/ingest/readings", {"readings": [reading]})
        if 1 not in (answer["accepted"], answer["duplicates"]):
            raise RuntimeError(f"the reading was not accepted: {answer}")

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, method, path, body)

    def _ask(self, method: str, path: str, body: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            status, text = self._request(method, path, body)
            if 200 <= status < 300:
                return json.loads(text)
            if status not in (429, 503) or time.monotonic() > deadline:
                raise RuntimeError(f"{method} {path} answered {status}: {text}")
            time.sleep(0.1)

    def _request(self, method: str, path: str, body: Any) -> tuple[int, str]:
        """Answers status and text; 503 where nobody answered."""
        headers = {"content-type": "application/json"}
        if path.startswith("/api/ingest"):
            headers["x-api-key"] = self._api_key
        else:
            headers["authorization"] = f"Bearer {self._token}"
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._netloc, timeout=PATIENCE_S)
            self._connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = self._connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self._connection = None
            return 503, str(error)
