import { get } from "../api/http.ts";
import type { Preview, Segment } from "../api/types.ts";
import { Reached } from "../parts/reach.tsx";
import { Await } from "../parts/states.tsx";
import { useLoaded } from "../state/loaded.ts";

/** ReachAndSample is whom of a segment one can send to, and some of its members. */
export function ReachAndSample({ segment: s }: { segment: Segment }) {
  const loaded = useLoaded((signal) => get<Preview>("/v1/preview", { method: "POST", json: { id: s.id, text: s.text }, signal }), [s.id, s.version]);
  return (
    <section class="card" aria-labelledby="reach">
      <h2 id="reach">Whom you can reach</h2>
      <Await of={loaded}>
        {(p) => (
          <>
            <Reached reach={p.reach} />
            <h3>Some members</h3>
            {p.sample.length === 0 && <p class="hint">There are none.</p>}
            <p class="sample">
              {p.sample.map((c) => (
                <bdi key={c}>{c}</bdi>
              ))}
            </p>
          </>
        )}
      </Await>
    </section>
  );
}
