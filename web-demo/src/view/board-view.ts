import type { Connection } from "../live.ts";
import { preferences } from "../preferences.ts";
import { countByStatus, noChanges } from "../state/board.ts";
import type { Board, Changes } from "../state/board.ts";
import { evenColumns } from "../state/columns.ts";
import type { HubClock } from "../state/hub-clock.ts";
import type { Point } from "../state/series.ts";
import type { Alert } from "../wire.ts";
import { AlertList } from "./alert-list.ts";
import { Announcer } from "./announcer.ts";
import { Banners } from "./banner.ts";
import { UnitCard } from "./card.ts";
import { element } from "./element.ts";
import { Header } from "./header.ts";
import type { HeaderOptions } from "./header.ts";
import { SiteSection } from "./site-section.ts";

/** A sparkline moves by a pixel or less between two readings: this often is smooth. */
const SPARKLINE_MS = 500;
/** The width that a card needs, and the gap beside it, in rem; as in the style sheet. */
const CARD_REM = 16.5;
const GAP_REM = 0.7;
/** What drawing sparklines may take of one frame; what is left over is drawn in the next. */
const SPARKLINE_BUDGET_MS = 6;

export interface BoardViewOptions extends Pick<HeaderOptions, "organizations" | "organizationId"> {
  board: Board;
  clock: HubClock;
  demoNote: string | undefined;
  lastHeardAt: () => number | undefined;
  acknowledge: (alertId: string) => Promise<void>;
  /** A card came into view whose sparkline has no past yet. */
  onSeen: (unitId: string) => void;
  onOrganization: (id: string) => void;
  onSignOut: () => void;
}

/** The page of the board. However many changes arrive, they are drawn once a frame, and only what they touch. */
export class BoardView {
  readonly root = element("div", "board");
  readonly #options: BoardViewOptions;
  readonly #header: Header;
  readonly #banners: Banners;
  readonly #alerts: AlertList;
  readonly #announcer = new Announcer();
  readonly #sites = element("main", "sites");
  readonly #sections = new Map<string, SiteSection>();
  readonly #cards = new Map<string, UnitCard>();
  readonly #cardOfPlot = new Map<Element, UnitCard>();
  readonly #visible = new Set<UnitCard>();
  readonly #undrawn = new Set<UnitCard>();
  readonly #seeing = new IntersectionObserver((entries) => this.#noteSeen(entries), { rootMargin: "200px" });
  readonly #sizing = new ResizeObserver((entries) => this.#resize(entries));
  readonly #widening = new ResizeObserver(() => this.#setColumns());
  readonly #timers: number[] = [];
  #connection: Connection = "connecting";
  #pending = noChanges();
  #frame = 0;

  constructor(options: BoardViewOptions) {
    this.#options = options;
    this.#header = new Header({
      ...options,
      onScale: (scale) => {
        preferences.scale = scale;
        this.#redrawAll();
      },
      onOrder: (order) => {
        preferences.order = order;
        this.#arrange();
      },
    });
    this.#banners = new Banners(options.demoNote);
    this.#alerts = new AlertList({
      acknowledge: options.acknowledge,
      placeOf: (alert) => this.#placeOf(alert),
    });
    const columns = element("div", "columns");
    columns.append(this.#alerts.root, this.#sites);
    this.root.append(this.#header.root, this.#banners.root, columns, this.#announcer.root);
    this.#widening.observe(this.#sites);
    this.#timers.push(window.setInterval(() => this.#tick(), 1_000));
    this.#timers.push(window.setInterval(() => requestAnimationFrame(() => this.#drawSparklines()), SPARKLINE_MS));
    this.#tick();
  }

  /** Notes what changed, to be drawn with the next frame. */
  show(changes: Changes): void {
    for (const key of ["sites", "units", "removedUnits", "alerts", "announced"] as const) {
      for (const id of changes[key]) this.#pending[key].add(id);
    }
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#flush());
  }

  setConnection(connection: Connection): void {
    this.#connection = connection;
    document.body.dataset["connection"] = connection;
    this.#tick();
  }

  setNotice(text: string): void {
    this.#banners.setNotice(text);
  }

  seed(unitId: string, points: Point[]): void {
    const card = this.#cards.get(unitId);
    if (!card) return;
    card.series.seed(points);
    this.#undrawn.add(card);
  }

  /** The units in view: those whose sparklines are worth fetching for. */
  seen(): string[] {
    return [...this.#visible].map((card) => card.unit.id);
  }

  destroy(): void {
    this.#timers.forEach((timer) => window.clearInterval(timer));
    cancelAnimationFrame(this.#frame);
    this.#seeing.disconnect();
    this.#sizing.disconnect();
    this.#widening.disconnect();
    for (const card of this.#cards.values()) card.sparkline.destroy();
    this.root.remove();
  }

  #nowMs(): number {
    return this.#options.clock.at(Date.now());
  }

  #flush(): void {
    this.#frame = 0;
    const { sites, units, removedUnits, alerts, announced } = this.#pending;
    this.#pending = noChanges();
    const { board } = this.#options;
    if (board.organization) this.#header.setOrganization(board.organization.name);
    for (const id of sites) this.#drawSite(id);
    for (const id of removedUnits) if (!board.units.has(id)) this.#removeCard(id);
    const cards = this.#cards.size;
    for (const id of units) this.#drawUnit(id);
    if (cards !== this.#cards.size || removedUnits.size > 0) this.#setColumns();
    if (alerts.size > 0 || sites.size > 0) this.#drawAlerts();
    this.#announce(announced);
    this.#arrange();
  }

  #drawSite(id: string): void {
    const site = this.#options.board.sites.get(id);
    let section = this.#sections.get(id);
    if (!site) {
      section?.root.remove();
      this.#sections.delete(id);
      return;
    }
    if (!section) {
      section = new SiteSection(id);
      this.#sections.set(id, section);
    }
    section.update(site);
    this.#standByName(site.name, section);
  }

  #standByName(name: string, section: SiteSection): void {
    const { sites } = this.#options.board;
    const after = [...this.#sites.children].find((other) => {
      const otherName = sites.get((other as HTMLElement).dataset["siteId"] ?? "")?.name ?? "";
      return other !== section.root && otherName.localeCompare(name, undefined, { numeric: true }) > 0;
    });
    if (section.root.nextElementSibling === (after ?? null) && section.root.parentElement) return;
    this.#sites.insertBefore(section.root, after ?? null);
  }

  #drawUnit(id: string): void {
    const unit = this.#options.board.units.get(id);
    const section = unit && this.#sections.get(unit.siteId);
    if (!unit || !section) return;
    const isNew = !this.#cards.has(id);
    const card = this.#cards.get(id) ?? new UnitCard(unit);
    const live = this.#options.board.sites.get(unit.siteId)?.live ?? false;
    card.update(unit, live, preferences.scale, this.#nowMs());
    this.#undrawn.add(card);
    if (!isNew) return;
    this.#cards.set(id, card);
    this.#cardOfPlot.set(card.sparkline.root, card);
    section.add(card);
    this.#seeing.observe(card.sparkline.root);
    this.#sizing.observe(card.sparkline.root);
  }

  #setColumns(): void {
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    const most = Math.floor((this.#sites.clientWidth / rem + GAP_REM) / (CARD_REM + GAP_REM));
    const sizes = [...this.#sections.values()].map((section) => section.size);
    this.#sites.style.setProperty("--columns", String(evenColumns(sizes, Math.max(1, most))));
  }

  #removeCard(id: string): void {
    const card = this.#cards.get(id);
    if (!card) return;
    this.#cards.delete(id);
    this.#cardOfPlot.delete(card.sparkline.root);
    this.#visible.delete(card);
    this.#undrawn.delete(card);
    this.#seeing.unobserve(card.sparkline.root);
    this.#sizing.unobserve(card.sparkline.root);
    card.sparkline.destroy();
    this.#sections.get(card.unit.siteId)?.remove(card);
  }

  #drawAlerts(): void {
    const open = this.#options.board.openAlerts();
    this.#alerts.update(open, preferences.scale);
    document.title = open.length === 0 ? "FreshTrack Hub" : `(${open.length}) FreshTrack Hub`;
  }

  #announce(ids: ReadonlySet<string>): void {
    const alerts = [...ids].map((id) => this.#options.board.alert(id)).filter((alert) => alert !== undefined);
    this.#announcer.tell(alerts, (alert) => this.#placeOf(alert), preferences.scale);
  }

  #placeOf(alert: Alert): string {
    const { units, sites } = this.#options.board;
    const unit = units.get(alert.unitId)?.name ?? "Unknown unit";
    const site = sites.get(alert.siteId)?.name;
    return site === undefined ? unit : `${unit} · ${site}`;
  }

  #redrawAll(): void {
    const all = noChanges();
    for (const id of this.#cards.keys()) all.units.add(id);
    for (const alert of this.#options.board.openAlerts()) all.alerts.add(alert.id);
    this.show(all);
  }

  #arrange(): void {
    const urgentFirst = preferences.order === "urgent";
    for (const section of this.#sections.values()) section.arrange(urgentFirst);
    let stale = 0;
    for (const card of this.#cards.values()) if (card.isStale) stale += 1;
    const byStatus = countByStatus(this.#options.board.units.values());
    this.#header.setTotals({ units: this.#cards.size, byStatus, stale });
  }

  #tick(): void {
    const own = Date.now();
    const lastHeardAt = this.#options.lastHeardAt();
    this.#header.tick(this.#connection, lastHeardAt, own);
    this.#banners.tick(this.#connection, lastHeardAt, own);
    const now = this.#nowMs();
    for (const card of this.#cards.values()) card.tick(preferences.scale, now);
    this.#arrange();
  }

  #noteSeen(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const card = this.#cardOfPlot.get(target);
      if (!card) continue;
      if (!isIntersecting) {
        this.#visible.delete(card);
        continue;
      }
      this.#visible.add(card);
      this.#undrawn.add(card);
      this.#options.onSeen(card.unit.id);
    }
    requestAnimationFrame(() => this.#drawSparklines());
  }

  #resize(entries: readonly ResizeObserverEntry[]): void {
    for (const { target } of entries) this.#cardOfPlot.get(target)?.sparkline.resize();
  }

  #drawSparklines(): void {
    const until = performance.now() + SPARKLINE_BUDGET_MS;
    for (const card of this.#undrawn) {
      if (!this.#visible.has(card)) continue;
      card.sparkline.draw();
      this.#undrawn.delete(card);
      if (performance.now() > until) {
        requestAnimationFrame(() => this.#drawSparklines());
        return;
      }
    }
  }
}
