import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/top.css";
import "./style/cards.css";
import "./style/alerts.css";
import "./style/sign-in.css";
import { fetchDemo, signIn, untilAnswered } from "./api.ts";
import { OpenBoard } from "./open-board.ts";
import { Session } from "./session.ts";
import { signInForm } from "./view/sign-in.ts";
import type { Demo } from "./wire.ts";

const SESSION_OVER = "Your session is over. Please sign in again.";

const app = document.getElementById("app");
if (!app) throw new Error("index.html has an element #app");
const mount = app;

async function start(): Promise<void> {
  // A refusal here is a hub that does not say whether it is a demo: then a person signs in.
  const demo = await untilAnswered(fetchDemo).catch(() => undefined);
  const session = Session.restore();
  if (session) openBoard(session, demo);
  else await begin(demo);
}

/** Begins without a session: a demo signs in by itself, else a person does. */
async function begin(demo: Demo | undefined, reason?: string): Promise<void> {
  if (!demo) {
    askForSignIn(demo, reason);
    return;
  }
  try {
    openBoard(Session.begin(await untilAnswered(() => signIn(demo.email, demo.password))), demo);
  } catch (error) {
    askForSignIn(demo, error instanceof Error ? error.message : reason);
  }
}

function askForSignIn(demo: Demo | undefined, reason?: string): void {
  document.body.dataset["connection"] = "disconnected";
  const submit = async (email: string, password: string): Promise<void> => {
    openBoard(Session.begin(await signIn(email, password)), demo);
  };
  mount.replaceChildren(signInForm({ reason, email: demo?.email, submit }));
}

function openBoard(session: Session, demo: Demo | undefined): void {
  const board = new OpenBoard({
    session,
    demoNote: demo?.note,
    onExpired: () => {
      session.end();
      board.close();
      void begin(demo, SESSION_OVER);
    },
    onSignOut: () => {
      session.end();
      board.close();
      askForSignIn(demo);
    },
    onOrganization: (id) => {
      session.choose(id);
      board.close();
      openBoard(session, demo);
    },
  });
  mount.replaceChildren(board.root);
  void board.open();
}

void start();
