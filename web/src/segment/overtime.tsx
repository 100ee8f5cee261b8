import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, segmentPath } from "../api/http.ts";
import type { History, HistoryPoint } from "../api/types.ts";
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
const chosen = signal<Span | undefined>(undefined);

interface Known {
  span: Span;
  points: HistoryPoint[];
}

const enough = 4; // points that are worth a plot

/** load is of the span that was chosen, or of a day, or an hour if that is all there is. */
async function load(id: string, signal: AbortSignal): Promise<Known> {
  const span = chosen.value ?? "day";
  const points = await pointsOf(id, span, signal);
  if (chosen.value || points.length >= enough) return { span, points };
  return { span: "hour", points: await pointsOf(id, "hour", signal) };
}

async function pointsOf(id: string, span: Span, signal: AbortSignal): Promise<HistoryPoint[]> {
  const { ms, step } = spans[span];
  const query = { from: new Date(Date.now() - ms).toISOString(), step };
  return (await get<History>(segmentPath(id, "/history"), { query, signal })).points;
}

/** OverTime is a segment's size, and who entered and left, in the last hours or days. */
export function OverTime({ id }: { id: string }) {
  const loaded = useLoaded((signal) => load(id, signal), [id, chosen.value]);
  const span = chosen.value ?? loaded.value?.span ?? "day";
  useEffect(() => {
    const timer = setInterval(loaded.reload, spans[span].every);
    return () => clearInterval(timer);
  }, [span]);
  return (
    <section class="card" aria-labelledby="overtime">
      <div class="heading">
        <h2 id="overtime">Over time</h2>
        <label class="inline">
          <span class="unseen">How far back</span>
          <select value={span} onChange={(e) => (chosen.value = e.currentTarget.value as Span)}>
            {Object.entries(spans).map(([key, { name }]) => (
              <option key={key} value={key}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Await of={loaded}>{(known) => <Plots {...known} />}</Await>
    </section>
  );
}

function Plots({ span, points }: Known) {
  if (points.length === 0) {
    return (
      <Empty title="Nothing is known of that time">
        <p>Sizes are noted every minute, from the one in which a segment is defined.</p>
      </Empty>
    );
  }
  const format = new Intl.DateTimeFormat(undefined, { ...spans[span].in, timeZone: current().timezone, hour12: false });
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
