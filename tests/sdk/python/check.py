"""The official Python SDK, unmodified, against a running hub.

    python check.py --url ws://127.0.0.1:PORT/connection/websocket --http http://127.0.0.1:PORT \
        --token JWT --api-key KEY [--org ID] [--offsets 200] [--restart]

With --restart it prints READY_FOR_RESTART when the hub may be killed and started again on the same port.
The last line is "N passed, N failed"; the exit code is 0 when none failed.
"""

import argparse
import asyncio
import sys
import time

from drops import drops_at_each_offset
from first_steps import FirstSteps
from hub import Hub
from restart import Restart


class Tally:
    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def note(self, ok: bool, name: str, detail: str = "", quiet: bool = False) -> None:
        if ok:
            self.passed += 1
        else:
            self.failed += 1
        if not quiet or not ok:
            print(f"{'ok  ' if ok else 'FAIL'} {name}{': ' if detail else ''}{detail}", flush=True)


async def in_order(tally: Tally, part: FirstSteps | Restart) -> None:
    """Runs checks that build on each other: after the first failure the rest has nothing to stand on."""
    try:
        for name, body in part.checks():
            try:
                await body()
            except Exception as error:  # whatever it was, it is this check that failed
                tally.note(False, name, str(error) or repr(error))
                return
            tally.note(True, name)
    finally:
        await part.close()


async def drops(tally: Tally, hub: Hub, options: argparse.Namespace) -> None:
    begun = time.monotonic()
    verdicts = await drops_at_each_offset(hub, options.url, options.token, options.offsets)
    for verdict in verdicts:
        tally.note(not verdict.failure, verdict.name, verdict.failure, quiet=True)
    kinds = [verdict.kind for verdict in verdicts]
    took = time.monotonic() - begun
    recovered, reset = kinds.count("recovered"), kinds.count("reset")
    print(f"dropped at {len(verdicts)} offsets in {took:.1f} s: {recovered} recovered, {reset} reset", flush=True)


async def run(options: argparse.Namespace, tally: Tally) -> None:
    hub = Hub(options.http, options.token, options.api_key)
    organization_id = options.org or await hub.organization_id()
    if options.restart:
        await in_order(tally, Restart(hub, options.url, options.token, organization_id))
        return
    await in_order(tally, FirstSteps(hub, options.url, options.token, organization_id))
    await drops(tally, hub, options)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--url", "--http", "--token", "--api-key"):
        parser.add_argument(name, required=True)
    parser.add_argument("--org")
    parser.add_argument("--offsets", type=int, default=200)
    parser.add_argument("--restart", action="store_true")
    options = parser.parse_args()
    tally = Tally()
    try:
        asyncio.run(run(options, tally))
    except Exception as error:  # the summary line is printed whatever happened
        tally.note(False, "the run", str(error) or repr(error))
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    return 0 if tally.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
