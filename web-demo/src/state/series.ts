/** One point of a sparkline: unix seconds and degrees Celsius. */
export interface Point {
  at: number;
  celsius: number;
}

/** The last points of one unit, oldest first, one for each instant, never more than `capacity`. */
export class Series {
  readonly #capacity: number;
  #points: Point[] = [];

  constructor(capacity = 100) {
    this.#capacity = capacity;
  }

  get points(): readonly Point[] {
    return this.#points;
  }

  /** Adds a newer point. Answers false, and changes nothing, for one that is not newer than the newest held. */
  append(point: Point): boolean {
    const newest = this.#points.at(-1);
    if (newest && point.at <= newest.at) return false;
    this.#points.push(point);
    if (this.#points.length > this.#capacity) this.#points.shift();
    return true;
  }

  /** Puts stored points, in any order, beneath what arrived live. A live point wins over a stored one of its instant. */
  seed(stored: readonly Point[]): void {
    const byInstant = new Map<number, Point>();
    for (const point of [...stored, ...this.#points]) byInstant.set(point.at, point);
    this.#points = [...byInstant.values()].sort((a, b) => a.at - b.at).slice(-this.#capacity);
  }
}
