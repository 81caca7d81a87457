/** The shapes of `docs/API.md` and `docs/PROTOCOL.md` that the board reads. */

export type UnitStatus =
  | "alarm_active"
  | "excursion"
  | "monitoring_interrupted"
  | "manual_required"
  | "restoring"
  | "late"
  | "ok";

/** A unit's live view. Temperatures are degrees Celsius, instants RFC 3339. */
export interface UnitView {
  id: string;
  siteId: string;
  name: string;
  status: UnitStatus;
  thermal: string;
  link: "never_seen" | "online" | "late" | "offline";
  door: "closed" | "open" | "unknown";
  manualLog: string;
  mode: string;
  temperature: number | null;
  humidity: number | null;
  recordedAt: string | null;
  receivedAt: string | null;
  highLimit: number | null;
  lowLimit: number | null;
  confirmAt: string | null;
  openAlerts: number;
  /** Rises by at least one with each publication of the unit. */
  seq: number;
}

export type AlertStatus = "active" | "acknowledged" | "resolved";

export interface Alert {
  id: string;
  unitId: string;
  siteId: string;
  kind: string;
  severity: "warning" | "critical";
  status: AlertStatus;
  openedAt: string;
  confirmedAt: string | null;
  acknowledgedAt: string | null;
  acknowledgedBy: string | null;
  resolvedAt: string | null;
  resolution: string | null;
  temperature: number | null;
  limit: number | null;
  peak: number | null;
}

export interface Named {
  id: string;
  name: string;
}

export interface SiteSummary extends Named {
  units: number;
  worst: UnitStatus;
  counts: Partial<Record<UnitStatus, number>>;
  openAlerts: number;
}

export interface SiteSnapshot {
  type: "site";
  site: Named;
  units: UnitView[];
  alerts: Alert[];
}

export interface OrganizationSnapshot {
  type: "organization";
  organization: Named;
  sites: SiteSummary[];
  alerts: Alert[];
}

export type Publication =
  | { type: "unit"; unit: UnitView; t: number }
  | { type: "alert"; event: string; alert: Alert; t: number }
  | { type: "summary"; site: SiteSummary; t: number }
  | { type: "unit_removed"; unitId: string; siteId: string; t: number }
  | { type: "site_removed"; siteId: string; t: number };

export interface Reading {
  recordedAt: string;
  temperature: number | null;
  source?: string | null;
  channel?: string | null;
  late?: boolean;
}

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

export interface SignedIn {
  token: string;
  expiresAt: string;
  /** Good for one renewal. */
  refreshToken: string;
  user: { id: string; email: string; name: string };
  organizations: { id: string; name: string; role: string }[];
}

/** What the hub tells while it runs as a demo. */
export interface Demo {
  email: string;
  password: string;
  note: string;
}

/** The body of a refusal (RFC 9457). */
export interface Problem {
  status: number;
  code: string;
  title?: string;
  detail?: string;
}
