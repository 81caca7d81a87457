/** Offsets below this are the network's, not the clock's. */
const TOLERATED_MS = 2_000;

/**
 * Tells the hub's time on a device whose own clock may be wrong.
 *
 * Each publication carries the hub's instant of sending. The smallest difference to the own clock is the one that waited
 * least on the way, so it is the best estimate of how far the own clock is ahead (or, negative, behind).
 */
export class HubClock {
  #aheadMs: number | undefined;

  /** Learns from one publication. `sentAtNanos` is its `t`, `ownNowMs` the own clock's reading on arrival. */
  observe(sentAtNanos: number, ownNowMs: number): void {
    if (!Number.isFinite(sentAtNanos)) return;
    const aheadMs = ownNowMs - sentAtNanos / 1e6;
    if (this.#aheadMs === undefined || aheadMs < this.#aheadMs) this.#aheadMs = aheadMs;
  }

  /** The hub's time in unix milliseconds, when the own clock says `ownNowMs`. */
  at(ownNowMs: number): number {
    const aheadMs = this.#aheadMs ?? 0;
    return Math.abs(aheadMs) > TOLERATED_MS ? ownNowMs - aheadMs : ownNowMs;
  }
}
