import { useState } from "preact/hooks";
import { ask, asProblem, segmentPath, type Problem } from "../api/http.ts";
import type { Segment } from "../api/types.ts";
import { Dialog } from "../parts/dialog.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { go } from "../router.ts";

/** DeleteSegment asks first, and names the segments that stand in the way. */
export function DeleteSegment({ segment: s }: { segment: Segment }) {
  const [asking, setAsking] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const dependants = s.dependants ?? [];
  const remove = async () => {
    try {
      await ask(segmentPath(s.id), { method: "DELETE", headers: { "If-Match": `"${s.version}"` } });
      go("/segments");
    } catch (e) {
      setProblem(asProblem(e));
    }
  };
  const close = () => (setAsking(false), setProblem(undefined));
  return (
    <>
      <button type="button" class="danger" onClick={() => setAsking(true)}>
        Delete…
      </button>
      {asking && (
        <Dialog title={dependants.length > 0 ? "It can't be deleted" : `Delete “${s.name}”?`} onClose={close}>
          {dependants.length > 0 ? <InTheWay ids={dependants} /> : <p>Nobody can ask for it any more. The contacts and what they did stay.</p>}
          {problem && <ProblemNote problem={problem} />}
          <div class="actions">
            <button type="button" onClick={close}>
              Keep it
            </button>
            {dependants.length === 0 && (
              <button type="button" class="danger" onClick={() => void remove()}>
                Delete
              </button>
            )}
          </div>
        </Dialog>
      )}
    </>
  );
}

function InTheWay({ ids }: { ids: string[] }) {
  return (
    <>
      <p>These segments stand on it. Change or delete them first:</p>
      <ul>
        {ids.map((id) => (
          <li key={id}>
            <a href={`/segments/${encodeURIComponent(id)}`}>{id}</a>
          </li>
        ))}
      </ul>
    </>
  );
}
