import net from "node:net";

/**
 * A TCP relay of one client's own, so that its connection can be cut under the SDK without touching the SDK.
 *
 * `cut` drops the connection hard and keeps the door closed (whoever knocks is dropped too) until `open`.
 */
export class Relay {
  #server;
  #pairs = new Set();
  #closed = false;

  /** Listens on a free loopback port in front of `target` (`{host, port}`). */
  static async listen(target) {
    const relay = new Relay();
    relay.#server = net.createServer((inner) => relay.#join(inner, target));
    await new Promise((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    return relay;
  }

  get port() {
    return this.#server.address().port;
  }

  cut() {
    this.#closed = true;
    for (const socket of this.#pairs) socket.destroy();
  }

  open() {
    this.#closed = false;
  }

  stop() {
    this.cut();
    this.#server.close();
  }

  #join(inner, target) {
    if (this.#closed) {
      inner.destroy();
      return;
    }
    const outer = net.connect({ ...target, noDelay: true });
    inner.setNoDelay(true);
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ]) {
      this.#pairs.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#pairs.delete(from);
        to.destroy();
      });
    }
  }
}
