import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, segmentPath } from "../api/http.ts";
import type { History } from "../api/types.ts";
import { Plot } from "../parts/plot.tsx";
import { Await, Empty } from "../parts/states.tsx";
import { useLoaded } from "../state/loaded.ts";
import { current } from "../state/session.ts";

const hour = 3_600_000;

const spans = {
  hour: { name: "1 hour", ms: hour, step: "1m", every: 10_000, in: { hour: "2-digit", minute: "2-digit" } },
  day: { name: "24 hours", ms: 24 * hour, step: "15m", every: 60_000, in: { hour: "2-digit", minute: "2-digit" } },
  week: { name: "7 days", ms: 7 * 24 * hour, step: "3h", every: 300_000, in: { weekday: "short", hour: "2-digit", minute: "2-digit" } },
  month: { name: "30 days", ms: 30 * 24 * hour, step: "1d", every: 300_000, in: { month: "short", day: "numeric" } },
  quarter: { name: "90 days", ms: 90 * 24 * hour, step: "1d", every: 300_000, in: { month: "short", day: "numeric" } },
} as const;

type Span = keyof typeof spans;

// What was chosen holds for other segments too.
const span = signal<Span>("day");

/** OverTime is a segment's size, and who entered and left, in the last hours or days. */
export function OverTime({ id }: { id: string }) {
  const { ms, step, every } = spans[span.value];
  const loaded = useLoaded(
    (signal) => get<History>(segmentPath(id, "/history"), { query: { from: new Date(Date.now() - ms).toISOString(), step }, signal }),
    [id, span.value],
  );
  useEffect(() => {
    const timer = setInterval(loaded.reload, every);
    return () => clearInterval(timer);
  }, [every]);
  return (
    <section class="card" aria-labelledby="overtime">
      <div class="heading">
        <h2 id="overtime">Over time</h2>
        <label class="inline">
          <span class="unseen">How far back</span>
          <select value={span.value} onChange={(e) => (span.value = e.currentTarget.value as Span)}>
            {Object.entries(spans).map(([key, { name }]) => (
              <option key={key} value={key}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Await of={loaded}>{(history) => <Plots history={history} />}</Await>
    </section>
  );
}

function Plots({ history: { points } }: { history: History }) {
  if (points.length === 0) return <Empty title="Nothing is known of that time" />;
  const format = new Intl.DateTimeFormat(undefined, { ...spans[span.value].in, timeZone: current().timezone, hour12: false });
  const at = points.map((p) => format.format(new Date(p.at)));
  return (
    <>
      <Plot
        title="Size"
        at={at}
        series={[
          { name: "Members", values: points.map((p) => p.size) },
          { name: "Sendable", values: points.map((p) => p.sendable) },
        ]}
      />
      <Plot
        title="Entered and left"
        height={140}
        at={at}
        series={[
          { name: "Entered", values: points.map((p) => p.entered), kind: "bars" },
          { name: "Left", values: points.map((p) => p.exited), kind: "bars-below" },
        ]}
      />
    </>
  );
}
