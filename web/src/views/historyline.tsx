import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, get, segmentPath } from "../api/http.ts";
import type { History } from "../api/types.ts";
import { count } from "../parts/format.ts";
import { Sparkline } from "../parts/sparkline.tsx";

/** HistoryLine is a segment's last month as a small line. It is asked for once it is seen. */
export function HistoryLine({ segment, name }: { segment: string; name: string }) {
  const place = useRef<HTMLSpanElement>(null);
  const [history, setHistory] = useState<History>();
  useEffect(() => {
    const stop = new AbortController();
    const observer = new IntersectionObserver((seen) => {
      if (!seen.some((s) => s.isIntersecting)) return;
      observer.disconnect();
      get<History>(segmentPath(segment, "/history"), { signal: stop.signal }).then(setHistory, asProblem); // no line is shown for want of one
    });
    if (place.current) observer.observe(place.current);
    return () => (observer.disconnect(), stop.abort());
  }, [segment]);
  const values = history?.points.map((p) => p.size) ?? [];
  const label = values.length > 1 ? `${name}: from ${count(values[0]!)} to ${count(values.at(-1)!)} in 30 days` : "";
  return <span ref={place}>{values.length > 1 && <Sparkline values={values} label={label} />}</span>;
}
