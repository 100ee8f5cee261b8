import { useEffect, useRef } from "preact/hooks";
import type { Problem } from "../api/http.ts";
import { useLoaded, type Loaded } from "./loaded.ts";

/**
 * useRefreshed is useLoaded, and asks again every so many milliseconds while the
 * page is looked at. What went wrong stays until something went well.
 */
export function useRefreshed<T>(load: (signal: AbortSignal) => Promise<T>, inputs: unknown[], every: number): Loaded<T> {
  const loaded = useLoaded(load, inputs);
  const { loading, problem, reload } = loaded;
  const last = useRef<Problem | undefined>(undefined);
  if (!loading) last.current = problem;
  useEffect(() => {
    if (loading) return;
    const again = () => {
      if (document.hidden) document.addEventListener("visibilitychange", again, { once: true });
      else reload();
    };
    const timer = setTimeout(again, every);
    return () => (clearTimeout(timer), document.removeEventListener("visibilitychange", again));
  }, [loading, every]);
  return last.current ? { ...loaded, problem: last.current } : loaded;
}
