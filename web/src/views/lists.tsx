import { useState } from "preact/hooks";
import { get } from "../api/http.ts";
import type { List, ListKind } from "../api/types.ts";
import { Downloads } from "../parts/downloads.tsx";
import { count, plural } from "../parts/format.ts";
import { Pager } from "../parts/pager.tsx";
import { Await, Empty } from "../parts/states.tsx";
import { useLoaded } from "../state/loaded.ts";
import { mayWrite } from "../state/session.ts";

const pageSize = 50;

const kinds: Record<ListKind, string> = { marketing: "Marketing list", form: "Form", webinar: "Webinar" };

/** How the address of a new segment says what it begins with. */
const origins: Record<ListKind, string> = { marketing: "list", form: "form", webinar: "webinar" };

/** Lists shows the marketing lists, forms and webinars that records have named. */
export function Lists() {
  const loaded = useLoaded((signal) => get<List[]>("/v1/lists", { signal }), []);
  return (
    <>
      <h1>Lists</h1>
      <Await of={loaded}>{(lists) => (lists.length === 0 ? <NoLists /> : <Listing lists={lists} />)}</Await>
    </>
  );
}

function NoLists() {
  return (
    <Empty title="There are no lists yet">
      <p>
        A list is there once somebody was on it, by the topic <code>lists</code> or a file: <code>rollcall import list FILE.csv</code>
      </p>
    </Empty>
  );
}

function Listing({ lists }: { lists: List[] }) {
  const [filter, setFilter] = useState("");
  const [kind, setKind] = useState<ListKind | "">("");
  const [page, setPage] = useState(0);
  const wanted = filter.trim().toLowerCase();
  const found = lists.filter((l) => (!kind || l.kind === kind) && `${l.name}\n${l.id}`.toLowerCase().includes(wanted));
  const first = Math.min(page, Math.max(0, Math.ceil(found.length / pageSize) - 1));
  return (
    <>
      <div class="tools">
        <label class="field">
          <span class="unseen">Filter by name</span>
          <input type="search" placeholder="Filter by name" value={filter} onInput={(e) => (setFilter(e.currentTarget.value), setPage(0))} />
        </label>
        <label class="inline">
          Kind{" "}
          <select value={kind} onChange={(e) => (setKind(e.currentTarget.value as ListKind | ""), setPage(0))}>
            <option value="">all</option>
            {Object.entries(kinds).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <span class="hint" role="status">
          {found.length < lists.length ? `${plural(found.length, "list")} of ${count(lists.length)}` : plural(lists.length, "list")}
        </span>
      </div>
      {found.length === 0 ? <Empty title={`There is no such list${wanted ? ` with “${filter}” in its name` : ""}`} /> : <Table lists={found.slice(first * pageSize, (first + 1) * pageSize)} />}
      <Pager page={first} size={pageSize} total={found.length} onPage={setPage} />
    </>
  );
}

function Table({ lists }: { lists: List[] }) {
  return (
    <table class="listing">
      <caption class="unseen">Lists with their sizes</caption>
      <thead>
        <tr>
          <th scope="col">List</th>
          <th scope="col">Kind</th>
          <th scope="col" class="number">Contacts</th>
          <th scope="col">Who can be sent to, as a file</th>
          <th scope="col">
            <span class="unseen">Segment</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {lists.map((l) => (
          <Row key={`${l.kind}/${l.id}`} list={l} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ list: l }: { list: List }) {
  return (
    <tr>
      <th scope="row">
        <strong dir="auto">{l.name}</strong>
        {l.name !== l.id && (
          <code class="definition" dir="auto">
            {l.id}
          </code>
        )}
      </th>
      <td data-label="Kind">{kinds[l.kind]}</td>
      <td class="number" data-label="Contacts">
        {count(l.size)}
      </td>
      <td class="todo" {...(l.kind === "marketing" ? { "data-label": "Who can be sent to, as a file" } : {})}>
        {l.kind === "marketing" && <Downloads path={`/v1/lists/marketing/${encodeURIComponent(l.id)}/recipients`} file={l.id} of={`the recipients of ${l.name}`} />}
      </td>
      <td class="todo end">
        {mayWrite() && (
          <a class="button" href={`/segments/new?${origins[l.kind]}=${encodeURIComponent(l.id)}`} aria-label={`New segment of ${l.name}`}>
            New segment
          </a>
        )}
      </td>
    </tr>
  );
}
