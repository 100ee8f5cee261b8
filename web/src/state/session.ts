import { signal } from "@preact/signals";
import { account, ask, asProblem, get, onUnauthorized, type Problem } from "../api/http.ts";
import type { Session } from "../api/types.ts";
import { follow, unfollow } from "./live.ts";

export type SessionState =
  | { state: "starting" }
  | { state: "signed-out" }
  | { state: "failed"; problem: Problem }
  | { state: "in"; session: Session };

export const session = signal<SessionState>({ state: "starting" });

/** The session of whoever is signed in; views are shown to nobody else. */
export function current(): Session {
  if (session.value.state !== "in") throw new Error("nobody is signed in");
  return session.value.session;
}

export const mayWrite = (): boolean => {
  const s = current();
  return s.operator || s.scope === "write";
};

const retryEvery = 2_000; // ms

const kept = "rollcall.account";

/** start finds out who looks at the page. */
export async function start(): Promise<void> {
  onUnauthorized.call = signedOut;
  account.value = sessionStorage.getItem(kept) ?? "";
  try {
    enter(await get<Session>("/v1/session"));
  } catch (e) {
    const problem = asProblem(e);
    if (problem.kind === "unauthorized") return signedOut();
    if (problem.kind === "not-found" && account.value) return switchAccount("");
    session.value = { state: "failed", problem };
    if (problem.kind === "offline") setTimeout(() => void start(), retryEvery);
  }
}

/** signIn exchanges a token for a session, and throws the Problem of one that is not taken. */
export async function signIn(token: string): Promise<void> {
  account.value = "";
  const response = await ask("/v1/session", { method: "POST", json: { token } });
  enter((await response.json()) as Session);
}

export async function signOut(): Promise<void> {
  await ask("/v1/session", { method: "DELETE" }).catch(() => {});
  signedOut();
}

/** switchAccount shows another account to an operator. */
export async function switchAccount(id: string): Promise<void> {
  sessionStorage.setItem(kept, id);
  await start();
}

function enter(s: Session): void {
  account.value = s.operator ? s.account : "";
  session.value = { state: "in", session: s };
  if (s.account) follow();
  else unfollow(); // an operator has to choose one first
}

function signedOut(): void {
  unfollow();
  sessionStorage.removeItem(kept);
  account.value = "";
  session.value = { state: "signed-out" };
}
