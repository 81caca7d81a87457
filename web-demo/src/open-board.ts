import { Api, Refused, untilAnswered } from "./api.ts";
import { Live, MOST_SITE_CHANNELS } from "./live.ts";
import type { Connection } from "./live.ts";
import { Seeds } from "./seeds.ts";
import type { Session } from "./session.ts";
import { Board } from "./state/board.ts";
import { HubClock } from "./state/hub-clock.ts";
import { BoardView } from "./view/board-view.ts";
import type { Named } from "./wire.ts";

export interface OpenBoardOptions {
  session: Session;
  demoNote: string | undefined;
  /** The hub no longer accepts the session. */
  onExpired: () => void;
  onSignOut: () => void;
  onOrganization: (id: string) => void;
}

/** A board as one signed-in person sees it: state, socket and page wired together, until it is closed. */
export class OpenBoard {
  readonly #options: OpenBoardOptions;
  readonly #board = new Board();
  readonly #clock = new HubClock();
  readonly #api: Api;
  readonly #seeds: Seeds;
  readonly #view: BoardView;
  readonly #live: Live;
  #wasConnected = false;
  #closed = false;

  constructor(options: OpenBoardOptions) {
    this.#options = options;
    this.#api = new Api(options.session);
    this.#seeds = new Seeds(this.#api, (unitId, points) => this.#view.seed(unitId, points));
    this.#view = this.#makeView();
    this.#live = this.#makeLive();
  }

  get root(): HTMLElement {
    return this.#view.root;
  }

  async open(): Promise<void> {
    this.#view.setConnection("connecting");
    try {
      this.#watch(await untilAnswered(() => this.#api.sites()));
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.#options.onExpired();
      else this.#view.setNotice(error instanceof Error ? error.message : "The sites could not be read.");
    }
  }

  close(): void {
    this.#closed = true;
    this.#live.stop();
    this.#view.destroy();
  }

  #watch(sites: Named[]): void {
    if (this.#closed) return; // signed out while the hub was being asked
    this.#view.show(this.#board.nameSites(sites));
    this.#live.start(sites.map((site) => site.id));
    if (this.#live.unwatchedSites === 0) return;
    this.#view.setNotice(`Showing ${MOST_SITE_CHANNELS} of ${sites.length} sites: one page watches no more.`);
  }

  #noteConnection(connection: Connection): void {
    this.#view.setConnection(connection);
    if (connection !== "connected") return;
    if (this.#wasConnected) this.#seedAgain();
    this.#wasConnected = true;
  }

  /** After a gap a snapshot tells where the units are, not how they came there: the sparklines ask. */
  #seedAgain(): void {
    this.#seeds.forget();
    for (const unitId of this.#view.seen()) this.#seeds.want(unitId);
  }

  #makeView(): BoardView {
    const { session, demoNote, onOrganization, onSignOut } = this.#options;
    return new BoardView({
      board: this.#board,
      clock: this.#clock,
      demoNote,
      organizations: session.organizations,
      organizationId: session.credentials.organizationId,
      lastHeardAt: () => this.#live?.lastHeardAt,
      acknowledge: async (alertId) => {
        const alert = await this.#api.acknowledge(alertId);
        this.#view.show(this.#board.applyAnswer(alert));
      },
      onSeen: (unitId) => this.#seeds.want(unitId),
      onOrganization,
      onSignOut,
    });
  }

  #makeLive(): Live {
    const { session, onExpired } = this.#options;
    return new Live({
      board: this.#board,
      clock: this.#clock,
      organizationId: session.credentials.organizationId,
      token: session.credentials.token,
      refresh: () => session.refresh(),
      onChanges: (changes) => this.#view.show(changes),
      onConnection: (connection) => this.#noteConnection(connection),
      onExpired,
    });
  }
}
