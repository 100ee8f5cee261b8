import { useEffect, useState } from "preact/hooks";
import { ask, asProblem, get, segmentPath, type Problem } from "../api/http.ts";
import type { Segment, Snapshot } from "../api/types.ts";
import { Dialog } from "../parts/dialog.tsx";
import { Downloads } from "../parts/downloads.tsx";
import { count, moment, plural } from "../parts/format.ts";
import { ProblemNote } from "../parts/problem.tsx";
import { Await } from "../parts/states.tsx";
import { useLoaded, type Loaded } from "../state/loaded.ts";
import { sizes } from "../state/live.ts";
import { current, mayWrite } from "../state/session.ts";
import { Freeze } from "./freeze.tsx";

type Snapshots = { snapshots: Snapshot[] };

/** Recipients are those that can be sent to: now, as a file, and frozen at a moment. */
export function Recipients({ segment: s }: { segment: Segment }) {
  const loaded = useLoaded((signal) => get<Snapshots>("/v1/snapshots", { query: { segment: s.id }, signal }), [s.id]);
  const writing = loaded.value?.snapshots.some((snapshot) => snapshot.state === "writing") ?? false;
  useEffect(() => {
    if (!writing) return;
    const timer = setTimeout(loaded.reload, 700);
    return () => clearTimeout(timer);
  }, [loaded.value]);
  const sendable = sizes.value.get(s.id)?.sendable;
  return (
    <section class="card" aria-labelledby="recipients">
      <h2 id="recipients">Recipients</h2>
      <div class="recipients">
        <div>
          <p>
            {sendable === undefined ? "Who can be sent to now" : `${plural(sendable, "contact")} can be sent to now`}: members with a valid phone who are opted in.
          </p>
          <Downloads path={segmentPath(s.id, "/recipients")} file={`${s.id}-recipients`} of="the recipients as of now" />
        </div>
        {mayWrite() && <Freeze segment={s} sendable={sendable} onFrozen={loaded.reload} />}
      </div>
      <Await of={loaded}>{({ snapshots }) => <Frozen snapshots={snapshots} segment={s} loaded={loaded} />}</Await>
    </section>
  );
}

function Frozen({ snapshots, segment, loaded }: { snapshots: Snapshot[]; segment: Segment; loaded: Loaded<Snapshots> }) {
  if (snapshots.length === 0) return null;
  return (
    <div class="scroll">
      <table class="frozen">
        <caption>Frozen lists</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Frozen</th>
            <th scope="col" class="number">Recipients</th>
            <th scope="col">As a file, without who can't be sent to any more</th>
            <th scope="col">
              <span class="unseen">Delete</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {snapshots.map((s) => (
            <FrozenRow key={s.id} snapshot={s} segment={segment} onDeleted={loaded.reload} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function FrozenRow({ snapshot: s, segment, onDeleted }: { snapshot: Snapshot; segment: Segment; onDeleted: () => void }) {
  return (
    <tr>
      <th scope="row">
        <bdi>{s.name || `List ${s.id}`}</bdi>
        {s.definition !== segment.text && (
          <code class="definition" dir="auto">
            {s.definition}
          </code>
        )}
      </th>
      <td>{moment(s.created_at, current().timezone)}</td>
      <td class="number">{s.frozen === undefined ? "–" : count(s.frozen)}</td>
      <td>
        {s.state === "ready" && <Downloads path={`/v1/snapshots/${s.id}/recipients`} file={`${segment.id}-frozen-${s.id}`} of={s.name || `frozen list ${s.id}`} />}
        {s.state === "writing" && <span role="status">Being written…</span>}
        {s.state === "failed" && <span class="error">Failed: it could not be written. Freeze again.</span>}
      </td>
      <td>{mayWrite() && <DeleteFrozen snapshot={s} onDeleted={onDeleted} />}</td>
    </tr>
  );
}

function DeleteFrozen({ snapshot: s, onDeleted }: { snapshot: Snapshot; onDeleted: () => void }) {
  const [asking, setAsking] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const name = s.name || `List ${s.id}`;
  const remove = async () => {
    try {
      await ask(`/v1/snapshots/${s.id}`, { method: "DELETE" });
      setAsking(false);
      onDeleted();
    } catch (e) {
      setProblem(asProblem(e));
    }
  };
  return (
    <>
      <button type="button" class="quiet" aria-label={`Delete ${name}`} onClick={() => setAsking(true)}>
        Delete
      </button>
      {asking && (
        <Dialog title={`Delete ${name}?`} onClose={() => setAsking(false)}>
          <p>Programs that read this frozen list can't any more. The segment stays.</p>
          {problem && <ProblemNote problem={problem} />}
          <div class="actions">
            <button type="button" onClick={() => setAsking(false)}>
              Keep it
            </button>
            <button type="button" class="danger" onClick={() => void remove()}>
              Delete
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
