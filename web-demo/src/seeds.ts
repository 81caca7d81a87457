import type { Api } from "./api.ts";
import type { Point } from "./state/series.ts";
import type { Reading } from "./wire.ts";

const AT_ONCE = 3;
const MOST_PAGES = 10;
/** Windows to look back, shortest first: fast sensors fill a sparkline in minutes, slow ones in a day. */
const WINDOWS_MS = [10 * 60_000, 4 * 3_600_000, 36 * 3_600_000];
const ENOUGH_POINTS = 60;

/** Fetches the stored readings beneath the sparklines, a few units at a time and each unit once. */
export class Seeds {
  readonly #api: Api;
  readonly #take: (unitId: string, points: Point[]) => void;
  readonly #known = new Set<string>();
  readonly #queue: string[] = [];
  #busy = 0;

  constructor(api: Api, take: (unitId: string, points: Point[]) => void) {
    this.#api = api;
    this.#take = take;
  }

  want(unitId: string): void {
    if (this.#known.has(unitId)) return;
    this.#known.add(unitId);
    this.#queue.push(unitId);
    this.#next();
  }

  /** After a gap in what arrived live, every sparkline wants its stored readings again. */
  forget(): void {
    this.#known.clear();
  }

  #next(): void {
    while (this.#busy < AT_ONCE) {
      const unitId = this.#queue.shift();
      if (unitId === undefined) return;
      this.#busy += 1;
      void this.#fetch(unitId).finally(() => {
        this.#busy -= 1;
        this.#next();
      });
    }
  }

  async #fetch(unitId: string): Promise<void> {
    try {
      for (const window of WINDOWS_MS) {
        const points = pointsOf(await this.#since(unitId, new Date(Date.now() - window)));
        this.#take(unitId, points);
        if (points.length >= ENOUGH_POINTS) return;
      }
    } catch {
      this.#known.delete(unitId); // a sparkline without its past is no reason to disturb anybody: the next look asks again
    }
  }

  async #since(unitId: string, from: Date): Promise<Reading[]> {
    const readings: Reading[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const answer = await this.#api.readings(unitId, from, cursor);
      readings.push(...answer.items);
      cursor = answer.nextCursor;
      if (cursor === null) break;
    }
    return readings;
  }
}

/** The points of one sensing point: of a unit with several, the one that the newest reading is from. */
function pointsOf(readings: readonly Reading[]): Point[] {
  const judged = readings.filter((reading) => reading.temperature !== null && !reading.late);
  const newest = judged.reduce<Reading | undefined>(
    (best, reading) => (best && best.recordedAt >= reading.recordedAt ? best : reading),
    undefined,
  );
  return judged
    .filter((reading) => reading.source === newest?.source && reading.channel === newest?.channel)
    .map((reading) => ({ at: Date.parse(reading.recordedAt) / 1000, celsius: reading.temperature ?? 0 }));
}
