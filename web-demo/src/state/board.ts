import type {
  Alert,
  AlertStatus,
  Named,
  OrganizationSnapshot,
  Publication,
  SiteSnapshot,
  UnitStatus,
  UnitView,
} from "../wire.ts";

/** Most urgent first, as the hub ranks them. */
export const URGENCY: readonly UnitStatus[] = [
  "alarm_active",
  "excursion",
  "monitoring_interrupted",
  "manual_required",
  "restoring",
  "late",
  "ok",
];

/** 0 is the most urgent. A status that this page does not know yet ranks above "ok": it is not known to be fine. */
export function urgencyOf(status: string): number {
  const rank = URGENCY.indexOf(status as UnitStatus);
  return rank === -1 ? URGENCY.length - 2 : rank;
}

/** How far an alert has come. It never goes back. */
const STAGE: Record<AlertStatus, number> = { active: 0, acknowledged: 1, resolved: 2 };

/** How many resolved alerts are remembered, so that an older message about one cannot open it again. */
const REMEMBERED_RESOLVED = 2_000;

/** What one input changed: only this needs drawing. */
export interface Changes {
  sites: Set<string>;
  units: Set<string>;
  removedUnits: Set<string>;
  alerts: Set<string>;
  /** Alerts that this input made known, or confirmed: what a listener has to be told. */
  announced: Set<string>;
}

export function noChanges(): Changes {
  return { sites: new Set(), units: new Set(), removedUnits: new Set(), alerts: new Set(), announced: new Set() };
}

export interface Site extends Named {
  /** Whether the hub currently tells us about this site. Until it does, and while it does not, its units are stale. */
  live: boolean;
}

interface HeldAlert {
  alert: Alert;
  /** The hub's instant of the newest publication about it; 0 for one known by a snapshot alone. */
  toldAt: number;
}

/**
 * What the board knows: the fold of snapshots and publications. It has no DOM and no clock.
 *
 * A snapshot replaces all that is known of its site. A unit's publication counts only when its `seq` is above the one
 * held. Alerts come by two channels (site and organization), each in order but not with each other: so an alert only
 * moves forward, and a resolved one stays gone.
 */
export class Board {
  organization: Named | undefined;
  readonly sites = new Map<string, Site>();
  readonly units = new Map<string, UnitView>();
  readonly #alerts = new Map<string, HeldAlert>();
  readonly #resolved = new Set<string>();

  /** The open alerts, newest first. */
  openAlerts(): Alert[] {
    return [...this.#alerts.values()]
      .map((held) => held.alert)
      .sort((a, b) => b.openedAt.localeCompare(a.openedAt) || b.id.localeCompare(a.id));
  }

  alert(id: string): Alert | undefined {
    return this.#alerts.get(id)?.alert;
  }

  /** Makes sites known by name before the hub tells about their units. */
  nameSites(sites: readonly Named[]): Changes {
    const changes = noChanges();
    for (const { id, name } of sites) this.#nameSite(id, name, changes);
    return changes;
  }

  /** Notes whether the hub tells us about a site. */
  setLive(siteId: string, live: boolean): Changes {
    const changes = noChanges();
    const site = this.sites.get(siteId);
    if (!site || site.live === live) return changes;
    site.live = live;
    changes.sites.add(siteId);
    for (const unit of this.units.values()) if (unit.siteId === siteId) changes.units.add(unit.id);
    return changes;
  }

  /** Replaces everything known of one site. */
  applySite(snapshot: SiteSnapshot): Changes {
    const changes = noChanges();
    const siteId = snapshot.site.id;
    this.#nameSite(siteId, snapshot.site.name, changes);
    this.#replaceUnits(siteId, snapshot.units, changes);
    const kept = new Set(snapshot.alerts.map((alert) => alert.id));
    for (const [id, { alert }] of this.#alerts) {
      if (alert.siteId === siteId && !kept.has(id)) this.#dropAlert(id, changes);
    }
    for (const alert of snapshot.alerts) this.#takeAlert(alert, undefined, changes);
    return changes;
  }

  /** Takes the organization's name, its sites and its open alerts. What it leaves out stays: sites tell that better. */
  applyOrganization(snapshot: OrganizationSnapshot): Changes {
    this.organization = snapshot.organization;
    const changes = this.nameSites(snapshot.sites);
    for (const alert of snapshot.alerts) this.#takeAlert(alert, undefined, changes);
    return changes;
  }

  /** Folds in one publication of any channel. */
  applyPublication(publication: Publication): Changes {
    const changes = noChanges();
    switch (publication.type) {
      case "unit":
        this.#takeUnit(publication.unit, changes);
        break;
      case "alert":
        this.#takeAlert(publication.alert, publication.t, changes);
        break;
      case "summary":
        this.#nameSite(publication.site.id, publication.site.name, changes);
        break;
      case "unit_removed":
        this.#removeUnit(publication.unitId, changes);
        break;
      case "site_removed":
        this.#removeSite(publication.siteId, changes);
        break;
    }
    return changes;
  }

  /** Takes the alert as the hub answered it to a request. */
  applyAnswer(alert: Alert): Changes {
    const changes = noChanges();
    this.#takeAlert(alert, undefined, changes);
    return changes;
  }

  #nameSite(id: string, name: string, changes: Changes): void {
    const site = this.sites.get(id);
    if (site?.name === name) return;
    if (site) site.name = name;
    else this.sites.set(id, { id, name, live: false });
    changes.sites.add(id);
  }

  /** A snapshot counts whatever its `seq`: after a reset of the hub the count may start anew. */
  #replaceUnits(siteId: string, units: readonly UnitView[], changes: Changes): void {
    const kept = new Set(units.map((unit) => unit.id));
    for (const unit of this.units.values()) {
      if (unit.siteId !== siteId || kept.has(unit.id)) continue;
      this.units.delete(unit.id);
      changes.removedUnits.add(unit.id);
    }
    for (const unit of units) {
      this.units.set(unit.id, unit);
      changes.units.add(unit.id);
    }
  }

  #removeUnit(unitId: string, changes: Changes): void {
    if (this.units.delete(unitId)) changes.removedUnits.add(unitId);
    for (const [id, { alert }] of this.#alerts) if (alert.unitId === unitId) this.#dropAlert(id, changes);
  }

  #removeSite(siteId: string, changes: Changes): void {
    for (const unit of this.units.values()) if (unit.siteId === siteId) this.#removeUnit(unit.id, changes);
    if (this.sites.delete(siteId)) changes.sites.add(siteId);
  }

  #takeUnit(unit: UnitView, changes: Changes): void {
    const held = this.units.get(unit.id);
    if (held && unit.seq <= held.seq) return;
    this.units.set(unit.id, unit);
    changes.units.add(unit.id);
  }

  #takeAlert(alert: Alert, toldAt: number | undefined, changes: Changes): void {
    if (this.#resolved.has(alert.id)) return;
    if (alert.status === "resolved") {
      this.#rememberResolved(alert.id);
      this.#dropAlert(alert.id, changes);
      return;
    }
    const held = this.#alerts.get(alert.id);
    if (held && isBehind(alert, toldAt, held)) return;
    this.#alerts.set(alert.id, { alert, toldAt: toldAt ?? held?.toldAt ?? 0 });
    changes.alerts.add(alert.id);
    const newlyConfirmed = alert.confirmedAt !== null && held?.alert.confirmedAt === null;
    if (toldAt !== undefined && (!held || newlyConfirmed)) changes.announced.add(alert.id);
  }

  #dropAlert(id: string, changes: Changes): void {
    if (this.#alerts.delete(id)) changes.alerts.add(id);
  }

  #rememberResolved(id: string): void {
    this.#resolved.add(id);
    if (this.#resolved.size <= REMEMBERED_RESOLVED) return;
    const oldest = this.#resolved.values().next();
    if (!oldest.done) this.#resolved.delete(oldest.value);
  }
}

function isBehind(alert: Alert, toldAt: number | undefined, held: HeldAlert): boolean {
  if (STAGE[alert.status] < STAGE[held.alert.status]) return true;
  return toldAt !== undefined && toldAt < held.toldAt;
}

/** How many units stand in each status. */
export function countByStatus(units: Iterable<UnitView>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { status } of units) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
}
