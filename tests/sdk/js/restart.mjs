import { expect } from "./first-steps.mjs";
import { Watcher, temperatures, unitIn } from "./watcher.mjs";

const PATIENCE_MS = 90_000;

/** A client lives through a restart of the hub on the same port. Each check is `[name, body]`, in this order. */
export function restart({ hub, url, token, organizationId }) {
  const watcher = new Watcher(url, token);
  const place = {};
  return {
    close: () => watcher.close(),
    checks: [
      ["has snapshots and updates before the restart", () => before(watcher, hub, organizationId, place)],
      ["is connected and subscribed again after it", () => comesBack(watcher)],
      ["is told of a reset, with snapshots as new as the last reading", () => isReset(watcher, place)],
      ["has further updates", () => after(watcher, hub, place)],
    ],
  };
}

async function before(watcher, hub, organizationId, place) {
  const { id: siteId } = await hub.site();
  const { id: unitId } = await hub.unit(siteId, "Outlives a restart");
  Object.assign(place, { unitId, site: `site:${siteId}`, unit: `unit:${unitId}` });
  for (const channel of [place.site, place.unit, `org:${organizationId}`]) watcher.watch(channel);
  watcher.connect();
  for (const channel of watcher.channels.keys()) {
    await watcher.until(`${channel} to be subscribed`, () => watcher.log(channel).length > 0);
  }
  await reading(watcher, hub, place, 3.5);
  await reading(watcher, hub, place, 3.625);
}

async function comesBack(watcher) {
  const left = watcher.until("the connection to be lost", () => watcher.client.state !== "connected", PATIENCE_MS);
  process.stdout.write("READY_FOR_RESTART\n");
  await left;
  const twice = ({ log }) => log.filter(({ subscribed }) => subscribed).length >= 2;
  const back = () => watcher.client.state === "connected" && [...watcher.channels.values()].every(twice);
  await watcher.until("all channels to be subscribed again", back, PATIENCE_MS);
}

function isReset(watcher, { unitId, site, unit }) {
  for (const channel of watcher.channels.keys()) {
    const { subscribed } = watcher.log(channel).findLast((entry) => entry.subscribed);
    expect(subscribed.wasRecovering, `${channel}: the SDK did not ask to recover`);
    expect(!subscribed.recovered, `${channel}: recovered, though the history went with the process`);
    expect(subscribed.data, `${channel}: a reset without a snapshot`);
    if (channel !== site && channel !== unit) continue;
    const { temperature } = unitIn(subscribed.data, unitId);
    expect(temperature === 3.625, `${channel}: the snapshot says ${temperature}`);
  }
}

async function after(watcher, hub, place) {
  await reading(watcher, hub, place, 3.75);
  await reading(watcher, hub, place, 3.875);
}

async function reading(watcher, hub, { unitId, site, unit }, temperature) {
  await hub.read(unitId, temperature);
  for (const channel of [site, unit]) {
    await watcher.until(`${temperature} on ${channel}`, () => temperatures(watcher.log(channel)).includes(temperature));
  }
}
