import { expect } from "./first-steps.mjs";
import { Relay } from "./relay.mjs";
import { Watcher, temperatures, unitIn } from "./watcher.mjs";

/** How many readings a client misses at least. */
const MISSED = 3;
/** How far the readings may run ahead of the slowest client that is connected: none is made a slow reader. */
const AHEAD = 4;

/**
 * Drops a connection at each of `offsets` consecutive offsets of a site's channel and checks what comes after.
 *
 * One unit is read again and again. Client k loses its connection, hard, when it has seen offset base + k, stays away for
 * at least three readings, and comes back. It must then be told exactly what it missed, in order, or a reset with a
 * snapshot that is as new as the readings acknowledged before it came back. Answers one verdict for each offset.
 */
export async function dropsAtEachOffset({ hub, url, token, offsets }) {
  const scene = await openScene({ hub, url, token, offsets });
  try {
    await readOnAndOn(scene);
    const last = celsius(scene.read);
    await Promise.all(scene.clients.map((client) => settled(client, last)));
    return scene.clients.map((client) => ({ name: `offset ${client.dropAt}`, ...verdict(client, scene) }));
  } finally {
    for (const { watcher, relay } of scene.clients) {
      watcher.close();
      relay.stop();
    }
  }
}

/** Reading number n. Each is another temperature, and all are inside the limits, so that nothing else is published. */
const celsius = (n) => (3_000 + n) / 1_000;
const numberOf = (temperature) => Math.round(temperature * 1_000) - 3_000;

async function openScene({ hub, url, token, offsets }) {
  const { id: siteId } = await hub.site();
  const { id: unitId } = await hub.unit(siteId, "Read again and again");
  const scene = { hub, unitId, read: 0, clients: [], channels: [`site:${siteId}`, `unit:${unitId}`] };
  // The first readings also bring the sensor online: the counting begins when that is over.
  for (let warmUp = 0; warmUp < 3; warmUp += 1) await hub.read(unitId, celsius((scene.read += 1)));
  const { hostname: host, port } = new URL(url);
  for (let k = 1; k <= offsets; k += 1) {
    scene.clients.push(await openClient(scene, { url, token, k, target: { host, port: Number(port) } }));
  }
  await Promise.all(scene.clients.map((client) => client.watcher.until("both snapshots", () => isThere(client))));
  for (const client of scene.clients) armDrop(client, scene);
  return scene;
}

async function openClient(scene, { url, token, k, target }) {
  const relay = await Relay.listen(target);
  const relayed = new URL(url);
  relayed.port = String(relay.port);
  const watcher = new Watcher(relayed.href, token);
  for (const channel of scene.channels) watcher.watch(channel);
  watcher.connect();
  return { k, relay, watcher, channels: scene.channels, away: false, dropped: false };
}

const isThere = ({ watcher, channels }) => channels.every((channel) => watcher.log(channel).length > 0);

/** Cuts the client's connection in the very moment that its offset arrives. */
function armDrop(client, scene) {
  const [site] = client.channels;
  client.dropAt = client.watcher.position(site) + client.k;
  void client.watcher
    .until(`offset ${client.dropAt}`, () => client.watcher.position(site) >= client.dropAt, 120_000)
    .then(() => {
      client.relay.cut();
      client.dropped = true;
      client.away = true;
      client.backAfter = scene.read + MISSED;
      client.seenBefore = new Map(client.channels.map((channel) => [channel, client.watcher.log(channel).length]));
    })
    .catch(() => {}); // an offset that never came: the verdict says so
}

async function readOnAndOn(scene) {
  const enough = scene.clients.length + 2 * MISSED + 2;
  for (let n = 0; n < enough; n += 1) {
    await scene.hub.read(scene.unitId, celsius((scene.read += 1)));
    for (const client of scene.clients) letBack(client, scene);
    await Promise.all(scene.clients.map((client) => notFarBehind(client, scene.read - AHEAD)));
  }
}

function letBack(client, scene) {
  if (!client.away || scene.read < client.backAfter) return;
  client.away = false;
  client.acknowledgedBefore = scene.read;
  client.relay.open();
}

/** Waits for a client that is connected and has not been away yet; who was away catches up in its own time. */
function notFarBehind({ watcher, channels, dropped }, n) {
  if (dropped) return undefined;
  const newest = () => Math.max(0, ...temperatures(watcher.log(channels[0])).slice(-1).map(numberOf));
  return newest() === 0 ? undefined : watcher.until(`reading ${n}`, () => newest() >= n || watcher.client.state !== "connected");
}

/** Waits until the client came back and knows the last reading on both channels. Running out of time is for the verdict. */
function settled({ watcher, channels }, last) {
  const knows = (channel) => {
    const log = watcher.log(channel);
    const entry = log.at(-1);
    return log.filter(({ subscribed }) => subscribed).length > 1 && newestIn(entry) === last;
  };
  return watcher.until("the last reading", () => channels.every(knows), 30_000).catch(() => {});
}

function newestIn(entry) {
  if (entry.data) return entry.data.unit?.temperature;
  const { data } = entry.subscribed;
  return (data?.type === "unit" ? data.unit : data?.units?.[0])?.temperature;
}

function verdict(client, scene) {
  try {
    expect(client.dropped, `was never dropped: offset ${client.dropAt} did not come`);
    const kinds = client.channels.map((channel) => judgeChannel(client, scene, channel));
    return { ok: true, kind: kinds.every((kind) => kind === "recovered") ? "recovered" : "reset" };
  } catch (error) {
    return { ok: false, detail: error.message };
  }
}

function judgeChannel(client, scene, channel) {
  const log = client.watcher.log(channel);
  const back = log.findIndex(({ subscribed }, index) => subscribed && index > 0);
  expect(back !== -1, `${channel} was not subscribed again`);
  expect(log.findIndex(({ subscribed }, index) => subscribed && index > back) === -1, `${channel} was subscribed thrice`);
  const { subscribed } = log[back];
  expect(subscribed.wasRecovering, `${channel}: the SDK did not ask to recover`);
  const before = log.slice(0, back);
  const after = log.slice(back + 1);
  expectInOrder(channel, before);
  return subscribed.recovered ? judgeRecovery(channel, before, after, scene) : judgeReset(channel, subscribed, after, client, scene);
}

/** Offsets rise by one from the reply on, and so do the readings. */
function expectInOrder(channel, log) {
  let offset = log[0].subscribed.streamPosition.offset;
  let reading = numberOf(newestIn(log[0]));
  for (const { offset: next, data } of log.slice(1)) {
    expect(next === offset + 1, `${channel}: offset ${next} follows on ${offset}`);
    offset = next;
    if (data.type !== "unit") continue;
    const number = numberOf(data.unit.temperature);
    expect(number === reading || number === reading + 1, `${channel}: reading ${number} follows on ${reading}`);
    reading = number;
  }
}

/** Recovered: what came before and what came after are one unbroken story to the last reading. */
function judgeRecovery(channel, before, after, scene) {
  expectInOrder(channel, [...before, ...after]);
  expect(newestIn(after.at(-1) ?? before.at(-1)) === celsius(scene.read), `${channel}: the last reading did not arrive`);
  return "recovered";
}

/** Reset: the snapshot holds everything that was acknowledged before the way back was open, and the story goes on from it. */
function judgeReset(channel, subscribed, after, client, scene) {
  const unit = unitIn(subscribed.data, scene.unitId);
  expect(unit, `${channel}: a reset without a snapshot`);
  const number = numberOf(unit.temperature);
  expect(number >= client.acknowledgedBefore, `${channel}: the snapshot is at reading ${number}, ${client.acknowledgedBefore} was acknowledged`);
  expectInOrder(channel, [{ subscribed }, ...after]);
  expect(newestIn(after.at(-1) ?? { subscribed }) === celsius(scene.read), `${channel}: the last reading did not arrive`);
  return "reset";
}
