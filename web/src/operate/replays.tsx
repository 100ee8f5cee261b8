import { get } from "../api/http.ts";
import type { Replay } from "../api/operate.ts";
import { count, moment, plural } from "../parts/format.ts";
import { Await } from "../parts/states.tsx";
import { useRefreshed } from "../state/refreshed.ts";
import { Progress } from "./progress.tsx";

/** Replays shows those that go on, and the newest of the others. */
export function Replays() {
  const loaded = useRefreshed((signal) => get<{ replays: Replay[] | null }>("/v1/replays", { whole: true, signal }), [], 2_000);
  return (
    <section class="card" aria-labelledby="replays">
      <h2 id="replays">Replays</h2>
      <Await of={loaded}>
        {({ replays }) =>
          !replays?.length ? (
            <p class="hint">
              None so far. A replay applies the records of a time once more: <code>rollcall replay TOPIC --from TIME --to TIME</code>
            </p>
          ) : (
            <ul class="jobs">
              {replays.map((r) => (
                <Row key={r.id} replay={r} />
              ))}
            </ul>
          )
        }
      </Await>
    </section>
  );
}

function Row({ replay: r }: { replay: Replay }) {
  const progress = r.progress ?? [];
  const done = progress.reduce((sum, p) => sum + p.next - p.from, 0);
  const of = progress.reduce((sum, p) => sum + p.end - p.from, 0);
  const topics = r.topics.map((t) => (t.as && t.as !== t.name ? `${t.name} as ${t.as}` : t.name)).join(", ");
  return (
    <li>
      <Progress name={topics} state={r.state} done={done} of={of} />
      <p class="hint">
        {moment(r.from)} to {moment(r.to)}, begun {moment(r.created_at)}. {reportOf(r)}
      </p>
      {r.failure && <p class="problem">{r.failure}</p>}
      {r.state === "running" && (
        <p class="hint">
          To end it: <code>rollcall replay cancel {r.id}</code>
        </p>
      )}
    </li>
  );
}

function reportOf({ report: r }: Replay): string {
  const parts = [`${plural(r.read, "record")} read`, `${count(r.applied)} applied`, `${count(r.repeated)} repeated`];
  if (r.forwarded) parts.push(`${count(r.forwarded)} forwarded`);
  if (r.dead_lettered) parts.push(`${count(r.dead_lettered)} dead-lettered`);
  if (r.left_out) parts.push(`${count(r.left_out)} left out`);
  return parts.join(", ") + ".";
}
