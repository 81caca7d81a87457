import type { Connection } from "../live.ts";
import { preferences } from "../preferences.ts";
import type { Order } from "../preferences.ts";
import { agePhrase, statusWord } from "../state/words.ts";
import type { Scale } from "../state/words.ts";
import { button, element, setData, setText } from "./element.ts";
import { statusIcon } from "./icons.ts";
import { choice } from "./switch.ts";

export interface HeaderOptions {
  organizations: readonly { id: string; name: string }[];
  organizationId: string;
  onScale: (scale: Scale) => void;
  onOrder: (order: Order) => void;
  onOrganization: (id: string) => void;
  onSignOut: () => void;
}

export interface Totals {
  units: number;
  byStatus: ReadonlyMap<string, number>;
  stale: number;
}

/** The statuses that the header counts, beside the number of units. "0 alarms" is worth saying; zero of the others is not. */
const COUNTED = ["alarm_active", "excursion", "monitoring_interrupted", "manual_required", "restoring", "late"] as const;

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

/** The head of the board: whose it is, the totals, the state of the connection, the switches and the time. */
export class Header {
  readonly root = element("header", "top");
  readonly #organization = element("span", "top-organization");
  readonly #units = element("span", "total total-units");
  readonly #stale = element("span", "total total-stale");
  readonly #connection = element("span", "connection");
  readonly #heard = element("span", "connection-heard");
  readonly #state = element("span", "connection-word");
  readonly #clock = element("time", "top-clock");
  readonly #totals = new Map<string, { root: HTMLElement; text: HTMLElement }>();

  constructor(options: HeaderOptions) {
    this.root.append(this.#brand(options), this.#totalsRow(), this.#controls(options));
  }

  setOrganization(name: string): void {
    setText(this.#organization, name);
  }

  setTotals({ units, byStatus, stale }: Totals): void {
    setText(this.#units, units === 1 ? "1 unit" : `${units} units`);
    setData(this.#units, "count", String(units));
    for (const [status, total] of this.#totals) {
      const count = byStatus.get(status) ?? 0;
      total.root.hidden = count === 0 && status !== "alarm_active";
      setData(total.root, "count", String(count));
      setText(total.text, status === "alarm_active" && count !== 1 ? `${count} alarms` : `${count} ${lower(status)}`);
    }
    this.#stale.hidden = stale === 0;
    setText(this.#stale, `${stale} stale`);
  }

  tick(connection: Connection, lastHeardAt: number | undefined, nowMs: number): void {
    setText(this.#clock, CLOCK.format(nowMs));
    setData(this.#connection, "state", connection);
    setText(this.#state, connection === "connected" ? "Live" : "Not live");
    setText(this.#heard, lastHeardAt === undefined ? "" : agePhrase(lastHeardAt, nowMs));
  }

  #brand(options: HeaderOptions): HTMLElement {
    const brand = element("div", "top-brand");
    const mark = element("img", "top-mark");
    mark.src = "/favicon.svg";
    mark.alt = "";
    const names = element("div", "top-names");
    names.append(element("h1", "top-title", "FreshTrack Hub"), this.#organizationName(options));
    this.#connection.append(element("span", "connection-dot"), this.#state, this.#heard);
    brand.append(mark, names, this.#connection);
    return brand;
  }

  #organizationName({ organizations, organizationId, onOrganization }: HeaderOptions): HTMLElement {
    if (organizations.length < 2) {
      setText(this.#organization, organizations[0]?.name ?? "");
      return this.#organization;
    }
    const select = element("select", "top-organization");
    select.setAttribute("aria-label", "Organization");
    for (const { id, name } of organizations) {
      const option = element("option", "", name);
      option.value = id;
      option.selected = id === organizationId;
      select.append(option);
    }
    select.addEventListener("change", () => onOrganization(select.value));
    return select;
  }

  #totalsRow(): HTMLElement {
    const row = element("div", "totals");
    row.append(this.#units);
    for (const status of COUNTED) {
      const root = element("span", "total");
      root.dataset["status"] = status;
      const text = element("span");
      root.append(statusIcon(status), text);
      this.#totals.set(status, { root, text });
      row.append(root);
    }
    row.append(this.#stale);
    return row;
  }

  #controls(options: HeaderOptions): HTMLElement {
    const controls = element("div", "top-controls");
    const scales = [
      { value: "C" as const, text: "°C" },
      { value: "F" as const, text: "°F" },
    ];
    const orders = [
      { value: "fixed" as const, text: "By name" },
      { value: "urgent" as const, text: "Urgent first" },
    ];
    controls.append(
      choice("Order of the units", orders, preferences.order, options.onOrder),
      choice("Temperature scale", scales, preferences.scale, options.onScale),
      this.#clock,
      button("button button-quiet", "Sign out", options.onSignOut),
    );
    return controls;
  }
}

function lower(status: string): string {
  return status === "alarm_active" ? "alarm" : statusWord(status).toLowerCase();
}
