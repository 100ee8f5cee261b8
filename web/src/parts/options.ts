import { useEffect, useRef, useState } from "preact/hooks";
import { Latest } from "../state/latest.ts";

export interface Option {
  value: string;
  label: string;
  hint?: string;
}

export type Search = (query: string, signal: AbortSignal) => Promise<Option[]>;

interface Found {
  options: Option[];
  labels: ReadonlyMap<string, string>; // of all values that were found so far
  loading: boolean;
  error?: unknown;
}

const wait = 120; // ms without a key before the server is asked

/** useOptions searches while open, and tells of the newest search only. */
export function useOptions(search: Search, query: string, open: boolean, allowOther: boolean): Found {
  const [found, setFound] = useState<Found>({ options: [], labels: new Map(), loading: false });
  const searching = useRef(search);
  searching.current = search;
  const latest = useRef<Latest<string, Option[]>>(undefined);
  latest.current ??= new Latest(wait, (q, signal) => searching.current(q, signal), (outcome, asked) => {
    if ("error" in outcome) return setFound((before) => ({ ...before, options: allowOther ? other([], asked) : [], loading: false, error: outcome.error }));
    const options = allowOther ? other(outcome.value, asked) : outcome.value;
    setFound((before) => ({ options, loading: false, labels: new Map([...before.labels, ...outcome.value.map((o) => [o.value, o.label] as const)]) }));
  });
  useEffect(() => {
    if (!open) return;
    setFound((before) => ({ ...before, loading: true }));
    latest.current?.ask(query);
  }, [open, query]);
  useEffect(() => () => latest.current?.cancel(), []);
  return found;
}

/** other offers what was typed, if it is not among the options already. */
function other(options: Option[], query: string): Option[] {
  const typed = query.trim();
  if (!typed || options.some((o) => o.value === typed)) return options;
  return [...options, { value: typed, label: `Use “${typed}”`, hint: "not seen so far" }];
}
