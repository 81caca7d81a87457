import type { Alert, UnitStatus, UnitView } from "../wire.ts";

export type Scale = "C" | "F";

/** Readings older than this are called stale whatever the hub says: no sensor that it watches reports so rarely. */
export const STALE_AFTER_MS = 30 * 60_000;

const STATUS_WORDS: Record<UnitStatus, string> = {
  alarm_active: "Alarm",
  excursion: "Out of range",
  monitoring_interrupted: "No signal",
  manual_required: "Manual log due",
  restoring: "Recovering",
  late: "Signal late",
  ok: "OK",
};

const KIND_WORDS: Record<string, string> = {
  temperature_high: "Too warm",
  temperature_low: "Too cold",
  monitoring_interrupted: "Monitoring interrupted",
  missed_manual_entry: "Manual log missed",
  door_open: "Door open",
  low_battery: "Battery low",
  sensor_fault: "Sensor fault",
  calibration_due: "Calibration due",
  suspected_cooling_failure: "Cooling failure suspected",
};

const LINK_WORDS: Record<string, string> = {
  online: "Online",
  late: "Late",
  offline: "Offline",
  never_seen: "Never seen",
};

const DOOR_WORDS: Record<string, string> = { closed: "Door shut", open: "Door open", unknown: "" };

const MODE_WORDS: Record<string, string> = {
  normal: "",
  maintenance: "Maintenance",
  defrosting: "Defrosting",
  commissioning: "Commissioning",
};

/** The word for a code; for one that this page does not know yet, the code itself as words. */
function wordFor(words: Record<string, string>, code: string): string {
  return words[code] ?? sentence(code);
}

function sentence(code: string): string {
  const spaced = code.replaceAll("_", " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

export const statusWord = (status: string): string => wordFor(STATUS_WORDS, status);
export const kindWord = (kind: string): string => wordFor(KIND_WORDS, kind);
export const linkWord = (link: string): string => wordFor(LINK_WORDS, link);
export const doorWord = (door: string): string => wordFor(DOOR_WORDS, door);
export const modeWord = (mode: string): string => wordFor(MODE_WORDS, mode);

/** Degrees on the chosen scale, of degrees Celsius. */
export function onScale(celsius: number, scale: Scale): number {
  return scale === "C" ? celsius : (celsius * 9) / 5 + 32;
}

/** "4.3", "−18.0"; "–" for no temperature. One decimal, a real minus sign, and no "−0.0". */
export function degrees(celsius: number | null | undefined, scale: Scale): string {
  if (celsius === null || celsius === undefined || !Number.isFinite(celsius)) return "–";
  const rounded = Math.round(onScale(celsius, scale) * 10) / 10;
  return (rounded === 0 ? 0 : rounded).toFixed(1).replace("-", "−");
}

/** "2.0 to 8.0 °C", "at most 5.0 °C", "at least −25.0 °C", or "no limits". */
export function limitsPhrase(low: number | null, high: number | null, scale: Scale): string {
  if (low !== null && high !== null) return `${degrees(low, scale)} to ${degrees(high, scale)} °${scale}`;
  if (high !== null) return `at most ${degrees(high, scale)} °${scale}`;
  if (low !== null) return `at least ${degrees(low, scale)} °${scale}`;
  return "no limits";
}

/** "now", "12 s ago", "4 min ago", "3 h ago", "2 d ago"; an instant ahead of the clock is "now". */
export function agePhrase(instantMs: number, nowMs: number): string {
  const seconds = Math.floor((nowMs - instantMs) / 1000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** "alarm in 12 s" while an excursion waits to be confirmed, else nothing. */
export function confirmPhrase(unit: UnitView, nowMs: number): string {
  if (unit.status !== "excursion" || unit.confirmAt === null) return "";
  const seconds = Math.ceil((Date.parse(unit.confirmAt) - nowMs) / 1000);
  if (!Number.isFinite(seconds)) return "";
  if (seconds <= 0) return "alarm due";
  return seconds < 120 ? `alarm in ${seconds} s` : `alarm in ${Math.ceil(seconds / 60)} min`;
}

/** Whether what we show of a unit may no longer be true: nobody tells us, its sensor is silent, or the data are old. */
export function isStale(unit: UnitView, siteIsLive: boolean, nowMs: number): boolean {
  if (!siteIsLive || unit.link !== "online" || unit.recordedAt === null) return true;
  return nowMs - Date.parse(unit.recordedAt) > STALE_AFTER_MS;
}

/** "9.4 °C · limit 8.0 · worst 11.2": what an alert says beside its kind. */
export function alertPhrase(alert: Alert, scale: Scale): string {
  const parts: string[] = [];
  if (alert.temperature !== null) parts.push(`${degrees(alert.temperature, scale)} °${scale}`);
  if (alert.limit !== null) parts.push(`limit ${degrees(alert.limit, scale)}`);
  if (alert.peak !== null) parts.push(`worst ${degrees(alert.peak, scale)}`);
  return parts.join(" · ");
}
