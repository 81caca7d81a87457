import assert from "node:assert/strict";
import { test } from "node:test";
import { Board, countByStatus, urgencyOf } from "../src/state/board.ts";
import type { Alert, SiteSnapshot, UnitView } from "../src/wire.ts";

const SITE = { id: "site-1", name: "Berlin" };

function unit(id: string, seq: number, extra: Partial<UnitView> = {}): UnitView {
  return {
    id,
    siteId: SITE.id,
    name: id,
    status: "ok",
    thermal: "ok",
    link: "online",
    door: "closed",
    manualLog: "not_due",
    mode: "normal",
    temperature: 4,
    humidity: null,
    recordedAt: "2026-11-20T08:00:00.000Z",
    receivedAt: "2026-11-20T08:00:00.100Z",
    highLimit: 8,
    lowLimit: 2,
    confirmAt: null,
    openAlerts: 0,
    seq,
    ...extra,
  };
}

function alert(id: string, extra: Partial<Alert> = {}): Alert {
  return {
    id,
    unitId: "a",
    siteId: SITE.id,
    kind: "temperature_high",
    severity: "warning",
    status: "active",
    openedAt: "2026-11-20T08:00:00.000Z",
    confirmedAt: null,
    acknowledgedAt: null,
    acknowledgedBy: null,
    resolvedAt: null,
    resolution: null,
    temperature: 9.4,
    limit: 8,
    peak: 9.4,
    ...extra,
  };
}

function snapshot(units: UnitView[], alerts: Alert[] = []): SiteSnapshot {
  return { type: "site", site: SITE, units, alerts };
}

const told = (t: number, subject: Alert, event = "opened") => ({ type: "alert", event, alert: subject, t }) as const;

test("a snapshot makes units and alerts known and says which", () => {
  const board = new Board();
  const changes = board.applySite(snapshot([unit("a", 5), unit("b", 7)], [alert("x")]));
  assert.deepEqual([...changes.units], ["a", "b"]);
  assert.deepEqual([...changes.alerts], ["x"]);
  assert.deepEqual([...changes.announced], [], "what was there before us is not news");
  assert.equal(board.sites.get(SITE.id)?.name, "Berlin");
});

test("a unit moves only to a higher seq", () => {
  const board = new Board();
  board.applySite(snapshot([unit("a", 5)]));
  const older = board.applyPublication({ type: "unit", unit: unit("a", 4, { temperature: 1 }), t: 1 });
  const same = board.applyPublication({ type: "unit", unit: unit("a", 5, { temperature: 1 }), t: 1 });
  const newer = board.applyPublication({ type: "unit", unit: unit("a", 8, { temperature: 6 }), t: 2 });
  assert.deepEqual([older.units.size, same.units.size, newer.units.size], [0, 0, 1]);
  assert.equal(board.units.get("a")?.temperature, 6);
});

test("a snapshot after a reset replaces everything of its site, even by a lower seq", () => {
  const board = new Board();
  board.applySite(snapshot([unit("a", 900), unit("gone", 900)], [alert("x"), alert("y")]));
  board.applySite({
    type: "site",
    site: { id: "site-2", name: "Hamburg" },
    units: [unit("far", 1, { siteId: "site-2" })],
    alerts: [alert("z", { siteId: "site-2", unitId: "far" })],
  });
  const changes = board.applySite(snapshot([unit("a", 1, { temperature: 7 })], [alert("y")]));
  assert.deepEqual([...changes.removedUnits], ["gone"]);
  assert.equal(board.units.get("a")?.temperature, 7);
  assert.ok(board.units.has("far"), "another site's units are left alone");
  assert.deepEqual(
    board.openAlerts().map(({ id }) => id).sort(),
    ["y", "z"],
  );
});

test("an alert is announced once when it opens and once when it is confirmed, by whichever channel tells first", () => {
  const board = new Board();
  const confirmed = alert("x", { confirmedAt: "2026-11-20T08:00:20.000Z", severity: "critical" });
  const announced = [
    told(1, alert("x")),
    told(2, alert("x")),
    told(3, confirmed, "confirmed"),
    told(4, confirmed, "confirmed"),
  ].map((publication) => board.applyPublication(publication).announced.size);
  assert.deepEqual(announced, [1, 0, 1, 0]);
});

test("a resolved alert leaves the board and no late word brings it back", () => {
  const board = new Board();
  board.applyPublication(told(1, alert("x")));
  const changes = board.applyPublication(told(5, alert("x", { status: "resolved" }), "resolved"));
  assert.deepEqual([...changes.alerts], ["x"]);
  board.applyPublication(told(2, alert("x")));
  board.applySite(snapshot([unit("a", 1)], [alert("x")]));
  assert.deepEqual(board.openAlerts(), []);
});

test("an alert dropped by a snapshot may be told again: losing one is worse than showing it a moment too long", () => {
  const board = new Board();
  board.applyPublication(told(1, alert("x")));
  board.applySite(snapshot([unit("a", 1)]));
  assert.equal(board.openAlerts().length, 0);
  board.applyPublication(told(2, alert("x")));
  assert.equal(board.openAlerts().length, 1);
});

test("an acknowledged alert does not become active again by an older word of the other channel", () => {
  const board = new Board();
  board.applyPublication(told(1, alert("x")));
  board.applyAnswer(alert("x", { status: "acknowledged" }));
  board.applyPublication(told(1, alert("x")));
  assert.equal(board.alert("x")?.status, "acknowledged");
});

test("a later word about the same stage counts, an earlier one does not", () => {
  const board = new Board();
  board.applyPublication(told(10, alert("x", { peak: 10 })));
  board.applyPublication(told(20, alert("x", { peak: 12 }), "amended"));
  board.applyPublication(told(15, alert("x", { peak: 11 }), "amended"));
  assert.equal(board.alert("x")?.peak, 12);
});

test("open alerts stand newest first", () => {
  const board = new Board();
  board.applyPublication(told(1, alert("old", { openedAt: "2026-11-20T08:00:00.000Z" })));
  board.applyPublication(told(2, alert("new", { openedAt: "2026-11-20T09:00:00.000Z" })));
  assert.deepEqual(
    board.openAlerts().map(({ id }) => id),
    ["new", "old"],
  );
});

test("a site that falls silent marks all of its units for drawing", () => {
  const board = new Board();
  board.applySite(snapshot([unit("a", 1), unit("b", 1)]));
  board.setLive(SITE.id, true);
  const changes = board.setLive(SITE.id, false);
  assert.deepEqual([...changes.units].sort(), ["a", "b"]);
  assert.equal(board.setLive(SITE.id, false).units.size, 0);
});

test("the organization names its sites, a summary a new one", () => {
  const board = new Board();
  const summary = { ...SITE, units: 1, worst: "ok", counts: {}, openAlerts: 0 } as const;
  board.applyOrganization({ type: "organization", organization: { id: "o", name: "Acme" }, sites: [summary], alerts: [] });
  const changes = board.applyPublication({ type: "summary", site: { ...summary, id: "site-9", name: "Ulm" }, t: 1 });
  assert.deepEqual([...changes.sites], ["site-9"]);
  assert.deepEqual([...board.sites.keys()], ["site-1", "site-9"]);
  assert.equal(board.sites.get("site-9")?.live, false, "known by name is not yet heard of");
});

test("urgency ranks as the hub does, and an unknown status is not taken for ok", () => {
  assert.ok(urgencyOf("alarm_active") < urgencyOf("excursion"));
  assert.ok(urgencyOf("late") < urgencyOf("ok"));
  assert.ok(urgencyOf("from_the_future") < urgencyOf("ok"));
});

test("units are counted by status", () => {
  const counts = countByStatus([unit("a", 1), unit("b", 1), unit("c", 1, { status: "excursion" })]);
  assert.deepEqual(Object.fromEntries(counts), { ok: 2, excursion: 1 });
});

test("a unit that was deleted is gone, with its alerts, and so is a site", () => {
  const board = new Board();
  board.applySite(snapshot([unit("a", 1), unit("b", 1)], [alert("1")]));
  const changes = board.applyPublication({ type: "unit_removed", unitId: "a", siteId: SITE.id, t: 5 });
  assert.deepEqual([...changes.removedUnits], ["a"]);
  assert.deepEqual([...board.units.keys()], ["b"]);
  assert.deepEqual(board.openAlerts(), []);
  const ended = board.applyPublication({ type: "site_removed", siteId: SITE.id, t: 6 });
  assert.deepEqual([[...ended.removedUnits], [...ended.sites]], [["b"], [SITE.id]]);
  assert.equal(board.sites.size, 0);
});
