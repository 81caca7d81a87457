import { alertPhrase, kindWord } from "../state/words.ts";
import type { Scale } from "../state/words.ts";
import type { Alert } from "../wire.ts";
import { button, element, setData, setText } from "./element.ts";
import { statusIcon } from "./icons.ts";

/** More rows than a person reads; the rest is counted. */
const MOST_ROWS = 100;

export interface AlertListOptions {
  /** Acknowledges at the hub; a rejection's message is shown in the row. */
  acknowledge: (alertId: string) => Promise<void>;
  /** "Walk-in 1 · Berlin Mitte" for an alert. */
  placeOf: (alert: Alert) => string;
}

/** The open alerts, newest first, a row each. */
export class AlertList {
  readonly root = element("aside", "alerts");
  readonly #options: AlertListOptions;
  readonly #count = element("span", "alerts-count", "0");
  readonly #list = element("ol", "alerts-list");
  readonly #empty = element("p", "alerts-empty", "No open alerts");
  readonly #more = element("p", "alerts-more");
  readonly #rows = new Map<string, AlertRow>();

  constructor(options: AlertListOptions) {
    this.#options = options;
    this.root.setAttribute("aria-label", "Open alerts");
    const heading = element("h2", "alerts-heading", "Open alerts");
    heading.append(this.#count);
    this.root.append(heading, this.#empty, this.#list, this.#more);
  }

  update(alerts: readonly Alert[], scale: Scale): void {
    const shown = alerts.slice(0, MOST_ROWS);
    this.#dropRowsBut(new Set(shown.map((alert) => alert.id)));
    shown.forEach((alert, index) => this.#place(alert, index, scale));
    setText(this.#count, String(alerts.length));
    setData(this.root, "open", String(alerts.length));
    this.#empty.hidden = alerts.length > 0;
    const hiddenRows = alerts.length - shown.length;
    this.#more.hidden = hiddenRows === 0;
    setText(this.#more, `and ${hiddenRows} older`);
  }

  #dropRowsBut(kept: ReadonlySet<string>): void {
    for (const [id, row] of this.#rows) {
      if (kept.has(id)) continue;
      row.root.remove();
      this.#rows.delete(id);
    }
  }

  /** Puts the row at its place. Rows in place already stay untouched, so a focused button keeps its focus. */
  #place(alert: Alert, index: number, scale: Scale): void {
    let row = this.#rows.get(alert.id);
    if (!row) {
      row = new AlertRow(alert.id, this.#options.acknowledge);
      this.#rows.set(alert.id, row);
    }
    const at = this.#list.children[index] ?? null;
    if (at !== row.root) this.#list.insertBefore(row.root, at);
    row.update(alert, this.#options.placeOf(alert), scale);
  }
}

class AlertRow {
  readonly root = element("li", "alert");
  readonly #icon = element("span", "alert-icon");
  readonly #kind = element("strong", "alert-kind");
  readonly #severity = element("span", "alert-severity");
  readonly #place = element("p", "alert-place");
  readonly #numbers = element("p", "alert-numbers");
  readonly #times = element("p", "alert-times");
  readonly #error = element("p", "alert-error");
  readonly #acknowledge: HTMLButtonElement;

  constructor(id: string, acknowledge: (alertId: string) => Promise<void>) {
    this.root.dataset["alertId"] = id;
    this.#acknowledge = button("button alert-button", "Acknowledge", () => void this.#ask(id, acknowledge));
    this.#error.setAttribute("role", "alert");
    this.#error.hidden = true;
    const heading = element("p", "alert-heading");
    heading.append(this.#kind, this.#severity);
    const text = element("div", "alert-text");
    text.append(heading, this.#place, this.#numbers, this.#times, this.#error);
    this.root.append(this.#icon, text, this.#acknowledge);
  }

  update(alert: Alert, place: string, scale: Scale): void {
    if (this.root.dataset["severity"] !== alert.severity) {
      this.#icon.replaceChildren(statusIcon(alert.severity === "critical" ? "alarm_active" : "excursion"));
    }
    setData(this.root, "alertStatus", alert.status);
    setData(this.root, "severity", alert.severity);
    setText(this.#kind, kindWord(alert.kind));
    setText(this.#severity, alert.severity === "critical" ? "Critical" : "Warning");
    setText(this.#place, place);
    setText(this.#numbers, alertPhrase(alert, scale));
    this.#numbers.hidden = this.#numbers.textContent === "";
    setText(this.#times, timesOf(alert));
    this.#acknowledge.hidden = alert.status !== "active";
    this.#acknowledge.setAttribute("aria-label", `Acknowledge: ${kindWord(alert.kind)}, ${place}`);
  }

  async #ask(id: string, acknowledge: (alertId: string) => Promise<void>): Promise<void> {
    this.#acknowledge.disabled = true;
    this.#error.hidden = true;
    try {
      await acknowledge(id);
    } catch (error) {
      setText(this.#error, error instanceof Error ? error.message : "The hub could not be asked.");
      this.#error.hidden = false;
    } finally {
      this.#acknowledge.disabled = false;
    }
  }
}

function timesOf(alert: Alert): string {
  const parts = [`Opened ${clockTime(alert.openedAt)}`];
  if (alert.confirmedAt !== null) parts.push(`confirmed ${clockTime(alert.confirmedAt)}`);
  else if (alert.kind.startsWith("temperature_")) parts.push("not confirmed yet");
  if (alert.acknowledgedAt !== null) parts.push(`acknowledged ${clockTime(alert.acknowledgedAt)}`);
  return parts.join(" · ");
}

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** The time of day here, with the day where it was another. */
function clockTime(instant: string): string {
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return instant;
  const today = at.toDateString() === new Date().toDateString();
  return today ? TIME.format(at) : `${DAY.format(at)} ${TIME.format(at)}`;
}
