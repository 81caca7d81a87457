import assert from "node:assert/strict";
import { test } from "node:test";
import { agePhrase, confirmPhrase, degrees, isStale, limitsPhrase, statusWord, STALE_AFTER_MS } from "../src/state/words.ts";
import type { UnitView } from "../src/wire.ts";

const NOW = Date.parse("2026-11-20T08:00:00.000Z");

function view(extra: Partial<UnitView>): UnitView {
  return { status: "ok", link: "online", recordedAt: "2026-11-20T07:59:58.000Z", confirmAt: null, ...extra } as UnitView;
}

test("degrees have one decimal, a minus sign, and both scales", () => {
  const table: [number | null, "C" | "F", string][] = [
    [4.25, "C", "4.3"],
    [-18, "C", "−18.0"],
    [-0.04, "C", "0.0"],
    [-40, "F", "−40.0"],
    [0, "F", "32.0"],
    [null, "C", "–"],
  ];
  for (const [celsius, scale, words] of table) assert.equal(degrees(celsius, scale), words);
});

test("limits are said with one side or none", () => {
  assert.equal(limitsPhrase(2, 8, "C"), "2.0 to 8.0 °C");
  assert.equal(limitsPhrase(null, 5, "F"), "at most 41.0 °F");
  assert.equal(limitsPhrase(-25, null, "C"), "at least −25.0 °C");
  assert.equal(limitsPhrase(null, null, "C"), "no limits");
});

test("an age is said in its largest whole unit", () => {
  const table: [number, string][] = [
    [-5, "now"],
    [0, "now"],
    [12, "12 s ago"],
    [59.9, "59 s ago"],
    [60, "1 min ago"],
    [3_599, "59 min ago"],
    [3_600, "1 h ago"],
    [86_400, "1 d ago"],
  ];
  for (const [seconds, words] of table) assert.equal(agePhrase(NOW - seconds * 1_000, NOW), words);
});

test("an excursion counts down to its alarm", () => {
  assert.equal(confirmPhrase(view({ status: "excursion", confirmAt: "2026-11-20T08:00:12.000Z" }), NOW), "alarm in 12 s");
  assert.equal(confirmPhrase(view({ status: "excursion", confirmAt: "2026-11-20T08:10:00.000Z" }), NOW), "alarm in 10 min");
  assert.equal(confirmPhrase(view({ status: "excursion", confirmAt: "2026-11-20T07:59:59.000Z" }), NOW), "alarm due");
  assert.equal(confirmPhrase(view({ status: "ok", confirmAt: "2026-11-20T08:00:12.000Z" }), NOW), "");
});

test("silence of any kind is stale, never ok", () => {
  assert.equal(isStale(view({}), true, NOW), false);
  assert.equal(isStale(view({}), false, NOW), true, "nobody tells us");
  assert.equal(isStale(view({ link: "late" }), true, NOW), true, "the sensor is late");
  assert.equal(isStale(view({ link: "never_seen", recordedAt: null }), true, NOW), true, "there never was a reading");
  assert.equal(isStale(view({}), true, NOW + STALE_AFTER_MS), true, "the data are old");
});

test("a status unknown to this page is shown by its own name", () => {
  assert.equal(statusWord("alarm_active"), "Alarm");
  assert.equal(statusWord("from_the_future"), "From the future");
});
