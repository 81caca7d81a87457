import { refresh, signOut } from "./api.ts";
import type { Credentials } from "./api.ts";
import type { SignedIn } from "./wire.ts";

const KEY = "freshtrack.session";

interface Stored {
  token: string;
  refreshToken: string;
  organizationId: string;
  organizations: SignedIn["organizations"];
}

/** A signed-in person on this tab. It ends with the tab: the tokens are kept in sessionStorage alone. */
export class Session {
  #stored: Stored;
  /** The renewal under way: a token renews once, so whoever asks meanwhile waits for the same answer. */
  #renewal: Promise<string> | undefined;

  private constructor(stored: Stored) {
    this.#stored = stored;
    sessionStorage.setItem(KEY, JSON.stringify(stored));
  }

  /** The session of this tab from before a reload, if any. */
  static restore(): Session | undefined {
    try {
      const stored = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Stored | null;
      return stored?.refreshToken && stored.organizationId ? new Session(stored) : undefined;
    } catch {
      return undefined; // written by another version of this page
    }
  }

  /** Refuses a person without an organization: there is no board to show. */
  static begin(signedIn: SignedIn): Session {
    const [first] = signedIn.organizations;
    if (!first) throw new Error("This account belongs to no organization yet.");
    return new Session({
      token: signedIn.token,
      refreshToken: signedIn.refreshToken,
      organizationId: first.id,
      organizations: signedIn.organizations,
    });
  }

  get organizations(): SignedIn["organizations"] {
    return this.#stored.organizations;
  }

  get credentials(): Credentials {
    return this.#stored;
  }

  choose(organizationId: string): void {
    this.#keep({ ...this.#stored, organizationId });
  }

  /** Gets a token with a later end, and answers it. */
  refresh(): Promise<string> {
    this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  end(): void {
    sessionStorage.removeItem(KEY);
    void signOut(this.#stored.refreshToken);
  }

  async #renew(): Promise<string> {
    const { token, refreshToken, organizations } = await refresh(this.#stored.refreshToken);
    this.#keep({ ...this.#stored, token, refreshToken, organizations });
    return token;
  }

  #keep(stored: Stored): void {
    this.#stored = stored;
    sessionStorage.setItem(KEY, JSON.stringify(stored));
  }
}
