import { randomUUID } from "node:crypto";
import { Watcher, temperatures, unitIn } from "./watcher.mjs";

/** Snapshot, updates, alerts and refusal, on one connection. Each check is `[name, body]`. */
export function firstSteps({ hub, url, token, organizationId }) {
  const watcher = new Watcher(url, token);
  const place = {};
  return {
    close: () => watcher.close(),
    checks: [
      ["connects and subscribes to a site, a unit and the organization", () => subscribes(watcher, hub, organizationId, place)],
      ["each first subscription brings a snapshot", () => bringsSnapshots(watcher, place)],
      ["a reading reaches the site and the unit", () => reaches(watcher, hub, place)],
      ["an alert reaches the site, the unit and the organization", () => alerts(watcher, hub, place)],
      ["a channel of nobody's is refused for good", () => refuses(watcher)],
    ],
  };
}

async function subscribes(watcher, hub, organizationId, place) {
  const { id: siteId } = await hub.site();
  const { id: unitId } = await hub.unit(siteId, "Checked unit");
  Object.assign(place, { unitId, site: `site:${siteId}`, unit: `unit:${unitId}`, org: `org:${organizationId}` });
  for (const channel of [place.site, place.unit, place.org]) watcher.watch(channel);
  watcher.connect();
  for (const channel of watcher.channels.keys()) {
    await watcher.until(`${channel} to be subscribed`, () => watcher.log(channel).length > 0);
  }
}

function bringsSnapshots(watcher, { unitId, site, unit, org }) {
  const first = (channel) => watcher.log(channel)[0].subscribed;
  for (const channel of [site, unit, org]) {
    const { recoverable, streamPosition, wasRecovering } = first(channel);
    expect(recoverable && streamPosition?.epoch && !wasRecovering, `${channel} has no position to recover from`);
  }
  expect(unitIn(first(site).data, unitId), "the site's snapshot lacks the unit");
  expect(first(unit).data?.unit?.id === unitId, "the unit's snapshot is not of the unit");
  expect(Array.isArray(first(org).data?.sites), "the organization's snapshot lacks its sites");
}

async function reaches(watcher, hub, { unitId, site, unit }) {
  for (const temperature of [3.125, 3.25]) {
    await hub.read(unitId, temperature);
    for (const channel of [site, unit]) {
      await watcher.until(`${temperature} on ${channel}`, () => temperatures(watcher.log(channel)).includes(temperature));
    }
  }
}

async function alerts(watcher, hub, { unitId, site, unit, org }) {
  await hub.read(unitId, 30);
  const opened = ({ data }) => data?.type === "alert" && data.event === "opened" && data.alert.unitId === unitId;
  for (const channel of [site, unit, org]) {
    await watcher.until(`the alert on ${channel}`, () => watcher.log(channel).some(opened));
  }
}

async function refuses(watcher) {
  const channel = `site:${randomUUID()}`;
  const seen = watcher.watch(channel);
  await watcher.until("the refusal", () => seen.refused !== undefined);
  expect([102, 103].includes(seen.refused.code), `refused with ${JSON.stringify(seen.refused)}`);
  expect(watcher.client.state === "connected", "the refusal cost the connection");
}

export function expect(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}
