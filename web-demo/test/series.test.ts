import assert from "node:assert/strict";
import { test } from "node:test";
import { evenColumns } from "../src/state/columns.ts";
import { HubClock } from "../src/state/hub-clock.ts";
import { Series } from "../src/state/series.ts";

const instants = (series: Series) => series.points.map(({ at }) => at);

test("a series keeps the newest points, each newer than the one before", () => {
  const series = new Series(3);
  assert.equal(series.append({ at: 1, celsius: 4 }), true);
  assert.equal(series.append({ at: 1, celsius: 5 }), false);
  for (const at of [2, 3, 4]) series.append({ at, celsius: 4 });
  assert.equal(series.append({ at: 3.5, celsius: 4 }), false);
  assert.deepEqual(instants(series), [2, 3, 4]);
});

test("stored points go beneath the live ones, in order, each instant once", () => {
  const series = new Series(4);
  series.append({ at: 10, celsius: 7 });
  series.append({ at: 11, celsius: 8 });
  series.seed([9, 10, 7, 8].map((at) => ({ at, celsius: 1 })));
  assert.deepEqual(instants(series), [8, 9, 10, 11]);
  assert.equal(series.points[2]?.celsius, 7, "the live point of an instant wins");
});

test("the hub's clock is told from the publication that waited least", () => {
  const clock = new HubClock();
  assert.equal(clock.at(50_000), 50_000);
  clock.observe(10_000 * 1e6, 70_900);
  clock.observe(11_000 * 1e6, 71_050);
  assert.equal(clock.at(72_000), 72_000 - 60_050);
});

test("a difference that the network explains is not corrected", () => {
  const clock = new HubClock();
  clock.observe(10_000 * 1e6, 11_500);
  assert.equal(clock.at(20_000), 20_000);
});

test("columns are as few as the rows allow", () => {
  assert.equal(evenColumns([8, 8, 8], 5), 4);
  assert.equal(evenColumns([10, 6, 8], 5), 5);
  assert.equal(evenColumns([1], 6), 3);
  assert.equal(evenColumns([], 2), 2);
  assert.equal(evenColumns([24], 1), 1);
});
