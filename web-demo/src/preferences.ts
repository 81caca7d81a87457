import type { Scale } from "./state/words.ts";

export type Order = "fixed" | "urgent";

const SCALE_KEY = "freshtrack.scale";
const ORDER_KEY = "freshtrack.order";

/** What a person chose on this device. It outlives the session, and a browser that forbids storage only forgets it. */
export const preferences = {
  get scale(): Scale {
    return read(SCALE_KEY) === "F" ? "F" : "C";
  },
  set scale(scale: Scale) {
    write(SCALE_KEY, scale);
  },
  get order(): Order {
    return read(ORDER_KEY) === "urgent" ? "urgent" : "fixed";
  },
  set order(order: Order) {
    write(ORDER_KEY, order);
  },
};

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Storage is forbidden here: the choice holds until the page is left.
  }
}
