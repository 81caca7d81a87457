import { URGENCY, urgencyOf } from "../state/board.ts";
import type { Site } from "../state/board.ts";
import type { UnitCard } from "./card.ts";
import { element, setData, setText } from "./element.ts";

const BY_NAME = new Intl.Collator(undefined, { numeric: true });

/** One site with its units. Cards stand by name; "urgent first" only moves them on the screen. */
export class SiteSection {
  readonly root = element("section", "site");
  readonly #name = element("h2", "site-name");
  readonly #summary = element("span", "site-summary");
  readonly #grid = element("div", "site-units");
  readonly #cards = new Map<string, UnitCard>();

  constructor(siteId: string) {
    this.root.dataset["siteId"] = siteId;
    const heading = element("header", "site-header");
    heading.append(this.#name, this.#summary);
    this.root.append(heading, this.#grid);
  }

  get size(): number {
    return this.#cards.size;
  }

  update(site: Site): void {
    setText(this.#name, site.name);
    this.root.setAttribute("aria-label", site.name);
    setData(this.root, "live", String(site.live));
  }

  add(card: UnitCard): void {
    this.#cards.set(card.unit.id, card);
    const after = [...this.#grid.children].find((other) => {
      const held = this.#cards.get((other as HTMLElement).dataset["unitId"] ?? "");
      return held !== undefined && BY_NAME.compare(held.unit.name, card.unit.name) > 0;
    });
    this.#grid.insertBefore(card.root, after ?? null);
  }

  remove(card: UnitCard): void {
    this.#cards.delete(card.unit.id);
    card.root.remove();
  }

  /** Says how the site stands, and puts what is urgent first where that is wanted. */
  arrange(urgentFirst: boolean): void {
    let worst = URGENCY.length;
    let troubled = 0;
    let stale = 0;
    for (const card of this.#cards.values()) {
      const urgency = urgencyOf(card.unit.status);
      worst = Math.min(worst, urgency);
      if (card.unit.status !== "ok") troubled += 1;
      if (card.isStale) stale += 1;
      setOrder(card.root, urgentFirst ? urgency : 0);
    }
    setText(this.#summary, summaryPhrase(this.#cards.size, troubled, stale));
    setData(this.root, "troubled", String(troubled + stale > 0));
    setOrder(this.root, urgentFirst ? worst : 0);
  }
}

function summaryPhrase(units: number, troubled: number, stale: number): string {
  const parts = [units === 1 ? "1 unit" : `${units} units`];
  if (troubled > 0) parts.push(`${troubled} not OK`);
  if (stale > 0) parts.push(`${stale} stale`);
  if (parts.length === 1 && units > 0) parts.push("all OK");
  return parts.join(", ");
}

function setOrder(target: HTMLElement, order: number): void {
  const value = order === 0 ? "" : String(order);
  if (target.style.order !== value) target.style.order = value;
}
