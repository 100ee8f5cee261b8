import { computed, signal } from "@preact/signals";
import { ask, asProblem, get, isAbort, type Problem } from "../api/http.ts";
import { chunks, events } from "../api/lines.ts";
import type { Freshness } from "../api/types.ts";
import { reduce, type Sizes, type SizesEvent } from "./sizes.ts";

/** All segments' sizes, as the server tells them from moment to moment. */
export const sizes = signal<Sizes>(new Map());

/** Which segments there are; it changes only when one comes or goes. */
export const ids = computed(() => [...sizes.value.keys()].sort().join());

/** How the page hears of them. While it is lost, what is shown is as old as asOf says. */
export interface Connection {
  state: "connecting" | "live" | "lost";
  asOf: string; // RFC 3339; empty: nothing was heard yet
  fresh: boolean; // whether the server itself was up to date then
  missing: string[];
  problem?: Problem; // why it is lost
}

const unheard: Connection = { state: "connecting", asOf: "", fresh: true, missing: [] };

export const connection = signal<Connection>(unheard);

const flushEvery = 200; // ms; a thousand changes a second are five renderings
const pollEvery = 3_000;
const silence = 40_000; // the server says something every 15 s
const longestWait = 10_000;

let stop: AbortController | undefined;

/** follow begins to follow sizes and freshness anew, such as after the account was switched. */
export function follow(): void {
  unfollow();
  sizes.value = new Map();
  connection.value = unheard;
  stop = new AbortController();
  void keepConnected(stop.signal);
  void keepPolling(stop.signal);
}

export function unfollow(): void {
  stop?.abort();
  stop = undefined;
}

async function keepConnected(signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    await visible(signal);
    try {
      await readSizes(signal, () => (failures = 0));
      lost();
    } catch (e) {
      if (signal.aborted) return;
      lost(isAbort(e) ? undefined : asProblem(e));
    }
    await pause(Math.min(longestWait, 300 * 2 ** failures), signal);
  }
}

/** readSizes returns when the server ends the stream, and throws when it breaks or falls silent. */
async function readSizes(outer: AbortSignal, heard: () => void): Promise<void> {
  const own = new AbortController();
  const signal = AbortSignal.any([outer, own.signal]);
  let timer = 0;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => own.abort(), silence);
  };
  alive();
  const buffer = new Buffer();
  const hide = () => document.hidden && own.abort();
  document.addEventListener("visibilitychange", hide);
  try {
    const response = await ask("/v1/sizes", { signal });
    if (!response.body) return;
    for await (const event of events(chunks(response.body))) {
      heard();
      alive();
      if (event.data) buffer.add({ name: event.name, data: JSON.parse(event.data) } as SizesEvent);
    }
  } finally {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", hide);
    buffer.close();
  }
}

/** Buffer hands events on together, a few times a second. */
class Buffer {
  private waiting: SizesEvent[] = [];
  private timer = 0;

  add(event: SizesEvent): void {
    this.waiting.push(event);
    if (event.name === "snapshot") {
      hear(event.data.freshness);
      this.flush();
    } else if (!this.timer) {
      this.timer = setTimeout(() => this.flush(), flushEvery);
    }
  }

  close(): void {
    clearTimeout(this.timer);
    this.waiting = [];
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    sizes.value = reduce(sizes.value, this.waiting);
    this.waiting = [];
  }
}

async function keepPolling(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(pollEvery, signal);
    await visible(signal);
    if (connection.value.state !== "live") continue;
    try {
      hear((await get<{ freshness: Freshness }>("/v1/status", { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) })).freshness);
    } catch (e) {
      if (!signal.aborted && asProblem(e).kind === "offline") lost(asProblem(e));
    }
  }
}

function hear(f: Freshness): void {
  connection.value = { state: "live", asOf: f.as_of, fresh: f.fresh, missing: f.missing ?? [] };
}

function lost(problem?: Problem): void {
  const { problem: _, ...before } = connection.value;
  connection.value = problem ? { ...before, state: "lost", problem } : { ...before, state: "lost" };
}

function visible(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look, { once: true });
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
