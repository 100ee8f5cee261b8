import { effect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { asProblem, isAbort, type Problem } from "../api/http.ts";
import { connection } from "./live.ts";

/** Loaded is an answer on its way, or what became of it. While it is asked for again the last one stays. */
export interface Loaded<T> {
  value?: T;
  problem?: Problem;
  loading: boolean;
  reload: () => void;
}

/**
 * useLoaded asks when it is first used and whenever one of the inputs changes,
 * and again once a server that could not be reached is back.
 */
export function useLoaded<T>(load: (signal: AbortSignal) => Promise<T>, inputs: unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value?: T; problem?: Problem; loading: boolean }>({ loading: true });
  const [again, setAgain] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    setState(({ problem: _, ...before }) => ({ ...before, loading: true }));
    load(stop.signal).then(
      (value) => stop.signal.aborted || setState({ value, loading: false }),
      (e) => stop.signal.aborted || isAbort(e) || setState((before) => ({ ...before, problem: asProblem(e), loading: false })),
    );
    return () => stop.abort();
  }, [...inputs, again]);
  const unreached = state.problem?.kind === "offline";
  useEffect(() => {
    if (unreached) return effect(() => void (connection.value.state === "live" && setAgain((n) => n + 1)));
  }, [unreached]);
  return { ...state, reload: () => setAgain((n) => n + 1) };
}
