// The official JavaScript SDK, unmodified, against a running hub.
//
//   node check.mjs --url ws://127.0.0.1:PORT/connection/websocket --http http://127.0.0.1:PORT \
//     --token JWT --api-key KEY [--org ID] [--offsets 200] [--restart]
//
// With --restart it prints READY_FOR_RESTART when the hub may be killed and started again on the same port.
// The last line is "N passed, N failed"; the exit code is 0 when none failed.

import { parseArgs } from "node:util";
import { dropsAtEachOffset } from "./drops.mjs";
import { firstSteps } from "./first-steps.mjs";
import { Hub } from "./hub.mjs";
import { restart } from "./restart.mjs";

const { values: options } = parseArgs({
  options: {
    url: { type: "string" },
    http: { type: "string" },
    token: { type: "string" },
    "api-key": { type: "string" },
    org: { type: "string" },
    offsets: { type: "string", default: "200" },
    restart: { type: "boolean", default: false },
  },
});
for (const name of ["url", "http", "token", "api-key"]) {
  if (options[name]) continue;
  process.stderr.write(`--${name} is missing\n`);
  process.exit(2);
}

const tally = { passed: 0, failed: 0 };

function note(ok, name, detail = "") {
  tally[ok ? "passed" : "failed"] += 1;
  process.stdout.write(`${ok ? "ok  " : "FAIL"} ${name}${detail && `: ${detail}`}\n`);
}

/** Runs checks that build on each other: after the first failure the rest has nothing to stand on. */
async function inOrder({ checks, close }) {
  try {
    for (const [name, body] of checks) {
      await body();
      note(true, name);
    }
  } catch (error) {
    note(false, checks[tally.passed]?.[0] ?? "the check", error.message);
  } finally {
    close();
  }
}

async function drops(context) {
  const begun = Date.now();
  const verdicts = await dropsAtEachOffset({ ...context, offsets: Number(options.offsets) });
  for (const { ok, name, detail } of verdicts) {
    if (ok) tally.passed += 1;
    else note(false, name, detail);
  }
  const count = (kind) => verdicts.filter((each) => each.ok && each.kind === kind).length;
  const took = ((Date.now() - begun) / 1000).toFixed(1);
  process.stdout.write(`dropped at ${verdicts.length} offsets in ${took} s: ${count("recovered")} recovered, ${count("reset")} reset\n`);
}

const hub = new Hub({ http: options.http, token: options.token, apiKey: options["api-key"] });
try {
  const organizationId = options.org ?? (await hub.organizationId());
  const context = { hub, url: options.url, token: options.token, organizationId };
  if (options.restart) {
    await inOrder(restart(context));
  } else {
    await inOrder(firstSteps(context));
    await drops(context);
  }
} catch (error) {
  note(false, "the run", error.message);
}
process.stdout.write(`${tally.passed} passed, ${tally.failed} failed\n`);
process.exit(tally.failed === 0 ? 0 : 1);
