import { signal } from "@preact/signals";
import type { ProblemBody } from "./types.ts";

/** The account that requests are about; empty: the one that the token opens. */
export const account = signal("");

/** Problem is what a request failed with: the server's own words, or why there are none. */
export class Problem extends Error {
  readonly body: ProblemBody;
  constructor(body: ProblemBody) {
    super(body.detail || body.title);
    this.body = body;
  }
  /** The last part of the type, such as "version-mismatch"; "offline" if nobody answered. */
  get kind(): string {
    return this.body.type.split("/").pop() ?? "";
  }
}

export interface Ask {
  method?: string;
  query?: Record<string, string | number | undefined>;
  json?: unknown;
  headers?: Record<string, string>;
  whole?: boolean; // about the whole server, not about an account
  signal?: AbortSignal;
}

/** Called when a request was refused for want of a token. */
export const onUnauthorized: { call: () => void } = { call: () => {} };

/** ask sends a request and returns its answer, or throws a Problem. */
export async function ask(path: string, a: Ask = {}): Promise<Response> {
  const headers = new Headers(a.headers);
  if (account.value && !a.whole) headers.set("Rollcall-Account", account.value);
  const init: RequestInit = { method: a.method ?? "GET", headers, credentials: "same-origin", cache: "no-store" };
  if (a.signal) init.signal = a.signal;
  if (a.json !== undefined) {
    headers.set("Content-Type", "application/json");
    init.body = JSON.stringify(a.json);
  }
  let response: Response;
  try {
    response = await fetch(path + queryOf(a.query), init);
  } catch (e) {
    if (a.signal?.aborted) throw e;
    throw new Problem({ type: "offline", title: "The server can't be reached", status: 0, detail: "" });
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401) onUnauthorized.call();
  throw problem;
}

/** get asks for JSON. */
export async function get<T>(path: string, a: Ask = {}): Promise<T> {
  return (await (await ask(path, a)).json()) as T;
}

export function queryOf(query: Ask["query"] = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text && "?" + text;
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback = { type: "unreadable", title: `The server answered ${response.status}`, status: response.status };
  if (!response.headers.get("Content-Type")?.includes("json")) return new Problem(fallback);
  try {
    return new Problem({ ...fallback, ...((await response.json()) as Partial<ProblemBody>) });
  } catch {
    return new Problem(fallback);
  }
}

/** isAbort tells whether an error is only that nobody waits for the answer any more. */
export function isAbort(e: unknown): boolean {
  return e instanceof DOMException && e.name === "AbortError";
}

/** asProblem makes anything that was thrown one. */
export function asProblem(e: unknown): Problem {
  if (e instanceof Problem) return e;
  return new Problem({ type: "page", title: "The page failed", status: 0, detail: e instanceof Error ? e.message : String(e) });
}

/** segmentPath is a segment's address in the API. */
export const segmentPath = (id: string, rest = ""): string => `/v1/segments/${encodeURIComponent(id)}${rest}`;
