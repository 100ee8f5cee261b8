import { get } from "../api/http.ts";
import type { Rebuild } from "../api/operate.ts";
import { moment, plural } from "../parts/format.ts";
import { Await } from "../parts/states.tsx";
import { useRefreshed } from "../state/refreshed.ts";
import { Progress } from "./progress.tsx";

const newest = 5; // are shown

/** Rebuilds shows how the newest stand. */
export function Rebuilds() {
  const loaded = useRefreshed(load, [], 2_000);
  return (
    <section class="card" aria-labelledby="rebuilds">
      <h2 id="rebuilds">Rebuilds</h2>
      <Await of={loaded}>
        {(rebuilds) =>
          rebuilds.length === 0 ? (
            <p class="hint">
              None so far. A rebuild makes the state anew from the log, beside the live one: <code>rollcall rebuild</code>, or <code>rollcall rebuild --compare</code> to see what would differ.
            </p>
          ) : (
            <ul class="jobs">
              {rebuilds.map((r) => (
                <Row key={r.id} rebuild={r} />
              ))}
            </ul>
          )
        }
      </Await>
    </section>
  );
}

/** load asks for each by itself: the list says nothing of how they stand. */
async function load(signal: AbortSignal): Promise<Rebuild[]> {
  const { rebuilds } = await get<{ rebuilds: Rebuild[] }>("/v1/rebuilds", { whole: true, signal });
  return Promise.all(rebuilds.slice(0, newest).map((r) => get<Rebuild>(`/v1/rebuilds/${encodeURIComponent(r.id)}`, { whole: true, signal })));
}

function Row({ rebuild: r }: { rebuild: Rebuild }) {
  const partitions = r.partitions ?? [];
  const done = partitions.reduce((sum, p) => sum + Math.min(p.offsets, p.of), 0);
  const of = partitions.reduce((sum, p) => sum + p.of, 0);
  const over = partitions.filter((p) => p.state === "replaced" || p.state === "compared").length;
  return (
    <li>
      <Progress name={r.take_over ? `Rebuild ${r.id}` : `Comparison ${r.id}`} state={r.state ?? ""} done={r.state === "done" ? of : done} of={of} />
      <p class="hint">
        Begun {moment(r.started_at)}. {over} of {plural(partitions.length, "partition")} done, {plural(r.differences, "membership")} differ from the live state.
      </p>
      {partitions
        .filter((p) => p.reason)
        .map((p) => (
          <p key={p.partition} class="warning">
            Partition {p.partition} does not get on: {p.reason}
          </p>
        ))}
      <p class="hint">
        <code>rollcall rebuild show {r.id}</code> lists what differs{r.state === "running" && (
          <>
            , <code>rollcall rebuild cancel {r.id}</code> ends it
          </>
        )}
        .
      </p>
    </li>
  );
}
