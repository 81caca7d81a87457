import type { Alert, Demo, Named, Page, Problem, Reading, SignedIn } from "./wire.ts";

/** A refusal by the hub. Its message is the hub's own sentence for a person. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title ?? `The hub answered ${problem.status}.`);
    this.name = "Refused";
    this.status = problem.status;
    this.code = problem.code;
  }
}

/** Who asks: the token, and the organization that it asks about. */
export interface Credentials {
  token: string;
  organizationId: string;
}

const PAGE_SIZE = 200;
const MOST_SITES = 1_000;

/** What the hub tells about itself as a demo, or nothing where it is no demo. */
export async function fetchDemo(): Promise<Demo | undefined> {
  const response = await fetch("/api/demo");
  if (response.status === 404) return undefined;
  return answered<Demo>(response);
}

export async function signIn(email: string, password: string): Promise<SignedIn> {
  return answered(await fetch("/api/v1/auth/sign-in", jsonPost({ email, password })));
}

/** Renews a session. The token is used up; the answer has the next. */
export async function refresh(refreshToken: string): Promise<SignedIn> {
  return answered(await fetch("/api/v1/auth/refresh", jsonPost({ refreshToken })));
}

/** Ends a session at the hub. That it cannot be reached is no reason to stay: the session ends by itself. */
export async function signOut(refreshToken: string): Promise<void> {
  await fetch("/api/v1/auth/sign-out", { ...jsonPost({ refreshToken }), keepalive: true }).catch(() => undefined);
}

/** Whose calls they are: asked for each call, so that a refreshed token is used at once. */
export interface Caller {
  readonly credentials: Credentials;
  /** Gets a new token; rejects with `Refused` 401 when the session is over. */
  refresh: () => Promise<string>;
}

/** The calls of a signed-in page. One that is refused because its token is over is made again with a new one. */
export class Api {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async sites(): Promise<Named[]> {
    const sites: Named[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Page<Named> = await this.#get(`/api/v1/sites?limit=${PAGE_SIZE}${query}`);
      sites.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null && sites.length < MOST_SITES);
    return sites;
  }

  /** A page of the unit's readings since an instant. */
  readings(unitId: string, from: Date, cursor: string | null): Promise<Page<Reading>> {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), from: from.toISOString() });
    if (cursor !== null) query.set("cursor", cursor);
    return this.#get(`/api/v1/units/${encodeURIComponent(unitId)}/readings?${query}`);
  }

  async acknowledge(alertId: string): Promise<Alert> {
    const path = `/api/v1/alerts/${encodeURIComponent(alertId)}/acknowledge`;
    return answered(await this.#ask(path, jsonPost({})));
  }

  async #get<T>(path: string): Promise<T> {
    return answered(await this.#ask(path, { headers: {} }));
  }

  async #ask(path: string, request: { headers: Record<string, string> }): Promise<Response> {
    const ask = () => fetch(path, { ...request, headers: { ...request.headers, ...this.#headers() } });
    const response = await ask();
    if (response.status !== 401) return response;
    await this.#caller.refresh();
    return ask();
  }

  #headers(): Record<string, string> {
    const { token, organizationId } = this.#caller.credentials;
    return { authorization: `Bearer ${token}`, "x-organization-id": organizationId };
  }
}

function jsonPost(body: unknown): { method: string; headers: Record<string, string>; body: string } {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

async function answered<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T;
  throw new Refused(await problemOf(response));
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback = { status: response.status, code: "unknown", title: `The hub answered ${response.status}.` };
  try {
    return { ...fallback, ...((await response.json()) as Partial<Problem>) };
  } catch {
    return fallback; // no body, or none of ours: a proxy in between may answer too
  }
}

const RETRY_MS = 2_000;

/** Asks until the hub answers: being away or overloaded passes, a refusal does not. */
export async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof Refused && error.status < 500 && error.status !== 429) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
