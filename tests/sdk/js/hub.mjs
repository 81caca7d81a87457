import { randomUUID } from "node:crypto";

const PATIENCE_MS = 30_000;

/** The hub's HTTP interface, as far as these checks need it. */
export class Hub {
  #http;
  #token;
  #apiKey;
  #recordedAtMs = 0;

  constructor({ http, token, apiKey }) {
    this.#http = http;
    this.#token = token;
    this.#apiKey = apiKey;
  }

  async organizationId() {
    const { items } = await this.#call("GET", "/api/v1/organizations");
    return items[0].id;
  }

  /** Makes a site of its own for this run, so that nobody else publishes there. */
  site() {
    return this.#call("POST", "/api/v1/sites", { name: `SDK check ${randomUUID().slice(0, 8)}` });
  }

  unit(siteId, name) {
    return this.#call("POST", "/api/v1/units", { siteId, name, preset: "us.cold.reachin" });
  }

  /** Posts one reading and answers when it is durable and judged. A busy or restarting hub is asked again. */
  async read(unitId, temperature) {
    // An instant of its own each: two readings of one millisecond would be one reading sent twice.
    this.#recordedAtMs = Math.max(Date.now(), this.#recordedAtMs + 1);
    const recordedAt = new Date(this.#recordedAtMs).toISOString();
    const reading = { unitId, temperature, recordedAt, source: "sdk-check", channel: "temperature" };
    const answer = await this.#call("POST", "/api/ingest/readings", { readings: [reading] });
    if (answer.accepted !== 1 && answer.duplicates !== 1) {
      throw new Error(`the reading was not accepted: ${JSON.stringify(answer)}`);
    }
  }

  async #call(method, path, body) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const response = await this.#fetch(method, path, body).catch((error) => ({ ok: false, status: 503, text: () => String(error) }));
      if (response.ok) return response.json();
      const passes = response.status === 429 || response.status === 503;
      if (!passes || Date.now() > deadline) {
        throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #fetch(method, path, body) {
    const auth = path.startsWith("/api/ingest") ? { "x-api-key": this.#apiKey } : { authorization: `Bearer ${this.#token}` };
    const headers = { ...auth, "content-type": "application/json" };
    return fetch(this.#http + path, body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) });
  }
}
