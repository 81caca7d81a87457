import { Series } from "../state/series.ts";
import {
  agePhrase,
  confirmPhrase,
  degrees,
  doorWord,
  isStale,
  limitsPhrase,
  linkWord,
  modeWord,
  statusWord,
} from "../state/words.ts";
import type { Scale } from "../state/words.ts";
import type { UnitView } from "../wire.ts";
import { element, setData, setText } from "./element.ts";
import { statusIcon } from "./icons.ts";
import { Sparkline } from "./sparkline.ts";

/** One unit on the board. It is made once, and each update touches only what differs. */
export class UnitCard {
  readonly root = element("article", "card");
  readonly series = new Series();
  readonly sparkline: Sparkline;
  readonly #name = element("h3", "card-name");
  readonly #icon = element("span", "chip-icon");
  readonly #status = element("span", "chip-word");
  readonly #temperature = element("span", "card-degrees");
  readonly #scale = element("span", "card-scale");
  readonly #note = element("p", "card-note");
  readonly #details = element("span", "card-details");
  readonly #stale = element("span", "card-stale", "stale");
  readonly #age = element("time", "card-age");
  #unit: UnitView;
  #siteIsLive = false;
  #iconStatus = "";
  #recordedAt = Number.NaN;

  constructor(unit: UnitView) {
    this.#unit = unit;
    this.root.dataset["unitId"] = unit.id;
    const plot = element("div", "card-plot");
    plot.setAttribute("aria-hidden", "true");
    this.sparkline = new Sparkline(plot, this.series);
    this.root.append(this.#header(), this.#body(plot), this.#footer());
  }

  get unit(): UnitView {
    return this.#unit;
  }

  update(unit: UnitView, siteIsLive: boolean, scale: Scale, nowMs: number): void {
    this.#unit = unit;
    this.#siteIsLive = siteIsLive;
    this.#recordedAt = unit.recordedAt === null ? Number.NaN : Date.parse(unit.recordedAt);
    this.#remember(unit);
    setText(this.#name, unit.name);
    setData(this.root, "status", unit.status);
    setText(this.#temperature, degrees(unit.temperature, scale));
    setText(this.#scale, `°${scale}`);
    setText(this.#details, detailsOf(unit));
    this.#age.dateTime = unit.recordedAt ?? "";
    this.#drawIcon(unit.status);
    this.sparkline.setBand({ low: unit.lowLimit, high: unit.highLimit });
    this.tick(scale, nowMs);
  }

  /** Lets time pass: the age, the countdown, and whether the data still count as fresh. */
  tick(scale: Scale, nowMs: number): void {
    const unit = this.#unit;
    const stale = isStale(unit, this.#siteIsLive, nowMs);
    setData(this.root, "stale", String(stale));
    this.#stale.hidden = !stale;
    setText(this.#status, stale && unit.status === "ok" ? "Was OK" : statusWord(unit.status));
    setText(this.#age, Number.isNaN(this.#recordedAt) ? "no data yet" : agePhrase(this.#recordedAt, nowMs));
    const confirm = confirmPhrase(unit, nowMs);
    setText(this.#note, confirm || limitsPhrase(unit.lowLimit, unit.highLimit, scale));
    this.#note.classList.toggle("card-countdown", confirm !== "");
  }

  get isStale(): boolean {
    return this.root.dataset["stale"] === "true";
  }

  #remember(unit: UnitView): void {
    if (unit.temperature === null || Number.isNaN(this.#recordedAt)) return;
    this.series.append({ at: this.#recordedAt / 1000, celsius: unit.temperature });
  }

  #drawIcon(status: string): void {
    if (this.#iconStatus === status) return;
    this.#iconStatus = status;
    this.#icon.replaceChildren(statusIcon(status));
  }

  #header(): HTMLElement {
    const header = element("header", "card-header");
    const chip = element("span", "chip");
    chip.append(this.#icon, this.#status);
    header.append(this.#name, chip);
    return header;
  }

  #body(plot: HTMLElement): HTMLElement {
    const body = element("div", "card-body");
    const figure = element("div", "card-figure");
    const temperature = element("p", "card-temperature");
    temperature.append(this.#temperature, this.#scale);
    figure.append(temperature, this.#note);
    body.append(figure, plot);
    return body;
  }

  #footer(): HTMLElement {
    const footer = element("footer", "card-footer");
    const freshness = element("span", "card-freshness");
    freshness.append(this.#stale, this.#age);
    footer.append(this.#details, freshness);
    return footer;
  }
}

function detailsOf(unit: UnitView): string {
  const manual = unit.manualLog === "overdue" ? "Log overdue" : unit.manualLog === "due" ? "Log due" : "";
  return [linkWord(unit.link), doorWord(unit.door), modeWord(unit.mode), manual].filter(Boolean).join(" · ");
}
