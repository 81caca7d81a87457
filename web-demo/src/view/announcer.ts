import { alertPhrase, kindWord } from "../state/words.ts";
import type { Scale } from "../state/words.ts";
import type { Alert } from "../wire.ts";
import { element } from "./element.ts";

/** More at once would only be talked over: the rest is counted. */
const MOST_SPOKEN = 3;

/** Tells new and newly confirmed alerts to people who listen to the page. */
export class Announcer {
  readonly root = element("div", "only-heard");

  constructor() {
    this.root.setAttribute("aria-live", "assertive");
    this.root.setAttribute("role", "log");
  }

  tell(alerts: readonly Alert[], placeOf: (alert: Alert) => string, scale: Scale): void {
    if (alerts.length === 0) return;
    const sentences = alerts.slice(0, MOST_SPOKEN).map((alert) => {
      const what = alert.confirmedAt === null ? "New alert" : "Alarm";
      return `${what}: ${placeOf(alert)}, ${kindWord(alert.kind)}. ${alertPhrase(alert, scale)}`;
    });
    if (alerts.length > MOST_SPOKEN) sentences.push(`and ${alerts.length - MOST_SPOKEN} more`);
    this.root.replaceChildren(...sentences.map((sentence) => element("p", "", sentence)));
  }
}
