import { useEffect } from "preact/hooks";
import { get, segmentPath } from "../api/http.ts";
import type { Segment } from "../api/types.ts";
import { SizeCount } from "../parts/count.tsx";
import { count, moment } from "../parts/format.ts";
import { Await } from "../parts/states.tsx";
import { DeleteSegment } from "../segment/delete.tsx";
import { Explain } from "../segment/explain.tsx";
import { OverTime } from "../segment/overtime.tsx";
import { ReachAndSample } from "../segment/reachandsample.tsx";
import { Recipients } from "../segment/recipients.tsx";
import { useLoaded } from "../state/loaded.ts";
import { sizes } from "../state/live.ts";
import { current, mayWrite } from "../state/session.ts";

/** SegmentPage is all about one segment. */
export function SegmentPage({ id }: { id: string }) {
  const loaded = useLoaded((signal) => get<Segment>(segmentPath(id), { signal }), [id]);
  const composing = loaded.value?.composed !== undefined;
  useEffect(() => {
    if (!composing) return;
    const timer = setTimeout(loaded.reload, 1000);
    return () => clearTimeout(timer);
  }, [loaded.value]);
  return (
    <>
      {!loaded.value && <h1>{id}</h1>}
      <Await of={loaded}>{(s) => <Shown segment={s} />}</Await>
    </>
  );
}

function Shown({ segment: s }: { segment: Segment }) {
  return (
    <article class="segment">
      <div class="heading">
        <h1 dir="auto">{s.name}</h1>
        {mayWrite() && (
          <div class="actions">
            <a class="button" href={`/segments/${s.id}/edit`}>
              Edit
            </a>
            <a class="button" href={`/segments/new?from=${s.id}`}>
              New subsegment
            </a>
            <DeleteSegment segment={s} />
          </div>
        )}
      </div>
      <Definition segment={s} />
      <Now id={s.id} />
      <Recipients segment={s} />
      <OverTime id={s.id} />
      <div class="columns">
        <ReachAndSample segment={s} />
        <Explain id={s.id} />
      </div>
    </article>
  );
}

function Definition({ segment: s }: { segment: Segment }) {
  const dependants = s.dependants ?? [];
  return (
    <section class="about" aria-label="Definition">
      <pre dir="auto">{s.text}</pre>
      <p class="hint">
        {s.from.segment && (
          <>
            Stands on <SegmentLink id={s.from.segment} />.{" "}
          </>
        )}
        {dependants.length > 0 && (
          <>
            {dependants.map((d, i) => (
              <>
                {i > 0 && ", "}
                <SegmentLink key={d} id={d} />
              </>
            ))}{" "}
            {dependants.length === 1 ? "stands" : "stand"} on it.{" "}
          </>
        )}
        Known as <code>{s.id}</code>, changed {moment(s.updated_at, current().timezone)}.
      </p>
    </section>
  );
}

const SegmentLink = ({ id }: { id: string }) => <a href={`/segments/${encodeURIComponent(id)}`}>{id}</a>;

/** Now is the segment's size from moment to moment. */
function Now({ id }: { id: string }) {
  const size = sizes.value.get(id);
  return (
    <dl class="now">
      <div>
        <dt>Members</dt>
        <dd class="big">
          <SizeCount size={size} />
        </dd>
      </div>
      <div>
        <dt>Sendable now</dt>
        <dd class="big">
          <SizeCount size={size} of="sendable" />
        </dd>
      </div>
      <div>
        <dt>Ever entered</dt>
        <dd class="big minor">{size?.entered === undefined ? "–" : count(size.entered)}</dd>
      </div>
      <div>
        <dt>Ever left</dt>
        <dd class="big minor">{size?.exited === undefined ? "–" : count(size.exited)}</dd>
      </div>
    </dl>
  );
}
