import type { Connection } from "../live.ts";
import { agePhrase } from "../state/words.ts";
import { element, setData, setText } from "./element.ts";

/** What a person must know before trusting the page: the demo's rules, and whether the page is still being told. */
export class Banners {
  readonly root = element("div", "banners");
  readonly #connection = element("p", "banner banner-connection");
  readonly #notice = element("p", "banner banner-notice");

  constructor(demoNote: string | undefined) {
    this.#connection.setAttribute("role", "status");
    this.#connection.hidden = true;
    this.#notice.hidden = true;
    if (demoNote) {
      const demo = element("p", "banner banner-demo");
      demo.dataset["demoNote"] = "true";
      demo.append(element("span", "banner-tag", "Demo"), " ", demoNote);
      this.root.append(demo);
    }
    this.root.append(this.#notice, this.#connection);
  }

  setNotice(text: string): void {
    setText(this.#notice, text);
    this.#notice.hidden = text === "";
  }

  tick(connection: Connection, lastHeardAt: number | undefined, nowMs: number): void {
    this.#connection.hidden = connection === "connected";
    setData(this.#connection, "state", connection);
    setText(this.#connection, connectionPhrase(connection, lastHeardAt, nowMs));
  }
}

function connectionPhrase(connection: Connection, lastHeardAt: number | undefined, nowMs: number): string {
  if (connection === "connected") return "";
  if (lastHeardAt === undefined) return connection === "connecting" ? "Connecting…" : "Not connected.";
  const since = `last update ${agePhrase(lastHeardAt, nowMs)}`;
  return connection === "connecting" ? `Reconnecting… ${since}` : `Not connected: ${since}. Reload to try again.`;
}
