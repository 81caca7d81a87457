import { Centrifuge, UnauthorizedError } from "centrifuge";
import type { SubscribedContext, Subscription } from "centrifuge";
import { Refused } from "./api.ts";
import type { Board, Changes } from "./state/board.ts";
import type { HubClock } from "./state/hub-clock.ts";
import type { OrganizationSnapshot, Publication, SiteSnapshot } from "./wire.ts";

export type Connection = "connecting" | "connected" | "disconnected";

/** The hub allows 128 channels a socket; one is the organization's. */
export const MOST_SITE_CHANNELS = 127;

/** Codes by which the hub says that the token is not one of its own: as an error of connecting, and closing the socket. */
const TOKEN_REFUSED = [101, 3500];

export interface LiveOptions {
  board: Board;
  clock: HubClock;
  organizationId: string;
  token: string;
  /** Gets a new token; rejects with `Refused` 401 when the session is over. */
  refresh: () => Promise<string>;
  onChanges: (changes: Changes) => void;
  onConnection: (connection: Connection) => void;
  /** The hub does not want this session any more. */
  onExpired: () => void;
}

/** Keeps the board in step with the hub over one socket. The SDK reconnects, recovers and refreshes; we fold. */
export class Live {
  readonly #options: LiveOptions;
  readonly #client: Centrifuge;
  readonly #watched = new Set<string>();
  /** When something last arrived, by the own clock; undefined before the first. */
  lastHeardAt: number | undefined;
  /** Sites beyond what one socket may subscribe to. */
  unwatchedSites = 0;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#client = new Centrifuge(socketUrl(), {
      token: options.token,
      getToken: () => this.#freshToken(),
      name: "board",
      minReconnectDelay: 300,
      maxReconnectDelay: 5_000,
    });
    this.#client.on("connecting", () => options.onConnection("connecting"));
    this.#client.on("connected", () => options.onConnection("connected"));
    this.#client.on("disconnected", ({ code }) => {
      if (TOKEN_REFUSED.includes(code)) options.onExpired();
      else options.onConnection("disconnected");
    });
  }

  start(siteIds: Iterable<string>): void {
    this.#watchOrganization(this.#options.organizationId);
    for (const id of siteIds) this.#watchSite(id);
    this.#client.connect();
  }

  stop(): void {
    this.#client.removeAllListeners();
    this.#client.disconnect();
  }

  async #freshToken(): Promise<string> {
    try {
      return await this.#options.refresh();
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 401) throw error; // the SDK tries again
      this.#options.onExpired();
      throw new UnauthorizedError("the session is over");
    }
  }

  #watchOrganization(id: string): void {
    const subscription = this.#subscription(`org:${id}`);
    subscription.on("subscribed", (context) => {
      this.lastHeardAt = Date.now();
      if (!isSnapshot<OrganizationSnapshot>(context, "organization")) return;
      this.#options.onChanges(this.#options.board.applyOrganization(context.data));
      for (const site of context.data.sites) this.#watchSite(site.id);
    });
    subscription.subscribe();
  }

  #watchSite(id: string): void {
    if (this.#watched.has(id)) return;
    if (this.#watched.size >= MOST_SITE_CHANNELS) {
      this.unwatchedSites += 1;
      return;
    }
    this.#watched.add(id);
    const { board, onChanges } = this.#options;
    const subscription = this.#subscription(`site:${id}`);
    subscription.on("subscribing", () => onChanges(board.setLive(id, false)));
    subscription.on("unsubscribed", () => onChanges(board.setLive(id, false)));
    subscription.on("subscribed", (context) => {
      this.lastHeardAt = Date.now();
      // After a recovery the missed publications follow; in every other case the snapshot replaces what we know.
      if (isSnapshot<SiteSnapshot>(context, "site")) onChanges(board.applySite(context.data));
      onChanges(board.setLive(id, true));
    });
    subscription.subscribe();
  }

  #subscription(channel: string): Subscription {
    const subscription = this.#client.newSubscription(channel);
    subscription.on("publication", ({ data }) => this.#fold(data as Publication));
    return subscription;
  }

  #fold(publication: Publication): void {
    const { board, clock, onChanges } = this.#options;
    this.lastHeardAt = Date.now();
    clock.observe(publication.t, this.lastHeardAt);
    onChanges(board.applyPublication(publication));
    if (publication.type === "summary") this.#watchSite(publication.site.id);
    if (publication.type === "site_removed") this.#forgetSite(publication.siteId);
  }

  /** It may be restored: then its summary makes us watch it anew. */
  #forgetSite(id: string): void {
    const subscription = this.#client.getSubscription(`site:${id}`);
    if (subscription) this.#client.removeSubscription(subscription);
    this.#watched.delete(id);
  }
}

function isSnapshot<T extends { type: string }>(
  context: SubscribedContext,
  type: T["type"],
): context is SubscribedContext & { data: T } {
  const data = context.data as { type?: string } | null | undefined;
  return !context.recovered && data?.type === type;
}

function socketUrl(): string {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.host}/connection/websocket`;
}
