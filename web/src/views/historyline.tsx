import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, get, segmentPath } from "../api/http.ts";
import type { History, HistoryPoint } from "../api/types.ts";
import { count, moment } from "../parts/format.ts";
import { Sparkline } from "../parts/sparkline.tsx";
import { current } from "../state/session.ts";

const enough = 3; // points that make a line

/** HistoryLine is what became of a segment lately, as a small line. It is asked for once it is seen. */
export function HistoryLine({ segment, name }: { segment: string; name: string }) {
  const place = useRef<HTMLSpanElement>(null);
  const [points, setPoints] = useState<HistoryPoint[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    const observer = new IntersectionObserver((seen) => {
      if (!seen.some((s) => s.isIntersecting)) return;
      observer.disconnect();
      lately(segment, stop.signal).then(setPoints, asProblem); // no line is shown for want of one
    });
    if (place.current) observer.observe(place.current);
    return () => (observer.disconnect(), stop.abort());
  }, [segment]);
  const [first, last] = [points[0], points.at(-1)];
  return <span ref={place}>{first && last && <Sparkline values={points.map((p) => p.size)} label={`${name}: from ${count(first.size)} to ${count(last.size)} since ${moment(first.at, current().timezone)}`} />}</span>;
}

/** lately is a month by the day, or less by the hour or minute of what is younger. */
async function lately(segment: string, signal: AbortSignal): Promise<HistoryPoint[]> {
  let points: HistoryPoint[] = [];
  for (const step of ["1d", "1h", "1m"]) {
    points = (await get<History>(segmentPath(segment, "/history"), { query: { step }, signal })).points;
    if (points.length >= enough) break;
  }
  return points;
}
