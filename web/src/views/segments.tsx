import { signal } from "@preact/signals";
import { get } from "../api/http.ts";
import type { Segment } from "../api/types.ts";
import { SizeCount } from "../parts/count.tsx";
import { plural } from "../parts/format.ts";
import { Pager } from "../parts/pager.tsx";
import { Await, Empty } from "../parts/states.tsx";
import { useLoaded } from "../state/loaded.ts";
import { ids, sizes } from "../state/live.ts";
import { mayWrite } from "../state/session.ts";
import { HistoryLine } from "./historyline.tsx";

const pageSize = 50;

// What was looked for is still there when one comes back from a segment.
const filter = signal("");
const order = signal<keyof typeof orders>("name");
const page = signal(0);

const byName = new Intl.Collator(undefined, { numeric: true }).compare;

const orders = {
  name: (a: Segment, b: Segment) => byName(a.name, b.name),
  size: (a: Segment, b: Segment) => (liveSize(b) ?? -1) - (liveSize(a) ?? -1),
  newest: (a: Segment, b: Segment) => b.updated_at.localeCompare(a.updated_at),
};

const liveSize = (s: Segment) => sizes.peek().get(s.id)?.size;

/** Segments shows all of them, with their sizes from moment to moment. */
export function Segments() {
  const loaded = useLoaded((signal) => get<{ segments: Segment[] }>("/v1/segments", { signal }), [ids.value]);
  return (
    <>
      <div class="heading">
        <h1>Segments</h1>
        {mayWrite() && (
          <a class="button primary" href="/segments/new">
            New segment
          </a>
        )}
      </div>
      <Await of={loaded}>{({ segments }) => (segments.length === 0 ? <NoSegments /> : <Listing segments={segments} />)}</Await>
    </>
  );
}

function NoSegments() {
  return (
    <Empty title="There are no segments yet">
      <p>A segment is an audience that keeps itself current, such as everybody who clicked in the last 30 days.</p>
    </Empty>
  );
}

function Listing({ segments }: { segments: Segment[] }) {
  const wanted = filter.value.trim().toLowerCase();
  const found = segments.filter((s) => `${s.name}\n${s.id}\n${s.text}`.toLowerCase().includes(wanted)).sort(orders[order.value]);
  const first = Math.min(page.value, Math.max(0, Math.ceil(found.length / pageSize) - 1));
  return (
    <>
      <div class="tools">
        <label class="field">
          <span class="unseen">Filter by name or definition</span>
          <input type="search" placeholder="Filter by name or definition" value={filter.value} onInput={(e) => ((filter.value = e.currentTarget.value), (page.value = 0))} />
        </label>
        <label class="inline">
          Sort by{" "}
          <select value={order.value} onChange={(e) => (order.value = e.currentTarget.value as keyof typeof orders)}>
            <option value="name">name</option>
            <option value="size">size</option>
            <option value="newest">last change</option>
          </select>
        </label>
        <span class="hint" role="status">
          {wanted ? `${plural(found.length, "segment")} of ${segments.length}` : plural(segments.length, "segment")}
        </span>
      </div>
      {found.length === 0 ? <Empty title={`No segment has “${filter.value}” in its name or definition`} /> : <Table segments={found.slice(first * pageSize, (first + 1) * pageSize)} />}
      <Pager page={first} size={pageSize} total={found.length} onPage={(n) => (page.value = n)} />
    </>
  );
}

function Table({ segments }: { segments: Segment[] }) {
  return (
    <table class="listing">
      <caption class="unseen">Segments with their sizes</caption>
      <thead>
        <tr>
          <th scope="col">Segment</th>
          <th scope="col" class="number">Members</th>
          <th scope="col" class="number">Sendable</th>
          <th scope="col" class="line">Lately</th>
        </tr>
      </thead>
      <tbody>
        {segments.map((s) => (
          <Row key={s.id} segment={s} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ segment: s }: { segment: Segment }) {
  const size = sizes.value.get(s.id);
  return (
    <tr>
      <th scope="row">
        <a href={`/segments/${s.id}`} dir="auto">
          {s.name}
        </a>
        {s.from.segment && (
          <span class="parent">
            within <a href={`/segments/${s.from.segment}`}>{s.from.segment}</a>
          </span>
        )}
        <code class="definition" dir="auto">
          {s.text}
        </code>
      </th>
      <td class="number" data-label="Members">
        <SizeCount size={size} />
      </td>
      <td class="number" data-label="Sendable">
        <SizeCount size={size} of="sendable" />
      </td>
      <td class="line">
        <HistoryLine segment={s.id} name={s.name} />
      </td>
    </tr>
  );
}
