import { Centrifuge } from "centrifuge";
import WebSocket from "ws";

/**
 * A WebSocket whose events come one a turn of the loop, as the standard has it. `ws` by itself hands over all frames of
 * one packet at once, which the SDK's ordering of replies and pushes does not stand.
 */
class StandardSocket extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { allowSynchronousEvents: false });
  }
}

/** One client of the unmodified SDK, and everything that it was told, by channel and in the order it was told. */
export class Watcher {
  client;
  channels = new Map();
  #waiting = new Set();

  constructor(url, token) {
    this.client = new Centrifuge(url, { websocket: StandardSocket, token, minReconnectDelay: 50, maxReconnectDelay: 500 });
    this.client.on("state", () => this.#wake());
  }

  /** Subscribes and keeps a log: `{subscribed}` for each reply, `{offset, data}` for each publication. */
  watch(channel) {
    const seen = { log: [], refused: undefined };
    this.channels.set(channel, seen);
    const subscription = this.client.newSubscription(channel);
    subscription.on("subscribed", (context) => this.#note(seen, { subscribed: context }));
    subscription.on("publication", ({ offset, data }) => this.#note(seen, { offset, data }));
    subscription.on("unsubscribed", (context) => {
      seen.refused = context;
      this.#wake();
    });
    subscription.subscribe();
    return seen;
  }

  connect() {
    this.client.connect();
  }

  close() {
    this.client.removeAllListeners();
    this.client.disconnect();
  }

  log(channel) {
    return this.channels.get(channel).log;
  }

  /** The newest offset known of a channel: of its last publication or its last reply. */
  position(channel) {
    const last = this.log(channel).at(-1);
    return last === undefined ? 0 : (last.offset ?? last.subscribed.streamPosition.offset);
  }

  /** Waits for a condition on what was told; it is asked again after each event. */
  until(what, condition, timeoutMs = 30_000) {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`timed out waiting for ${what}`));
      }, timeoutMs);
      const look = () => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  #note(seen, entry) {
    seen.log.push(entry);
    this.#wake();
  }

  #wake() {
    for (const look of [...this.#waiting]) look();
  }
}

/** What a channel told of units: the publications' temperatures, in order. */
export function temperatures(log) {
  return log.filter(({ data }) => data?.type === "unit").map(({ data }) => data.unit.temperature);
}

/** The unit's live view in a snapshot of its site or of itself. */
export function unitIn(snapshot, unitId) {
  if (snapshot?.type === "unit") return snapshot.unit;
  return snapshot?.units?.find(({ id }) => id === unitId);
}
