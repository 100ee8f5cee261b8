import { useState } from "preact/hooks";
import { ask, asProblem, segmentPath, type Problem } from "../api/http.ts";
import type { Segment } from "../api/types.ts";
import { Dialog } from "../parts/dialog.tsx";
import { plural } from "../parts/format.ts";
import { ProblemNote } from "../parts/problem.tsx";

/** Freeze writes down who can be sent to at this moment. */
export function Freeze({ segment: s, sendable, onFrozen }: { segment: Segment; sendable: number | undefined; onFrozen: () => void }) {
  const [asking, setAsking] = useState(false);
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const freeze = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await ask(segmentPath(s.id, "/snapshots"), { method: "POST", json: name.trim() ? { name: name.trim() } : {} });
      setAsking(false);
      setName("");
      onFrozen();
    } catch (e) {
      setProblem(asProblem(e));
    }
    setBusy(false);
  };
  return (
    <div>
      <p>For a campaign, freeze the list: it stays as it is, but whoever opts out later is still left out.</p>
      <button type="button" class="primary" onClick={() => setAsking(true)}>
        Freeze the list…
      </button>
      {asking && (
        <Dialog title={sendable === undefined ? "Freeze the recipients of now" : `Freeze ${plural(sendable, "recipient")}`} onClose={() => setAsking(false)}>
          <form class="stack" onSubmit={freeze}>
            <label class="field">
              <span>
                Name <span class="hint">if you like, such as the campaign's</span>
              </span>
              <input dir="auto" maxLength={200} value={name} onInput={(e) => setName(e.currentTarget.value)} />
            </label>
            {sendable === 0 && <p class="warning">Nobody in it can be sent to now, so the list will be empty.</p>}
            {problem && <ProblemNote problem={problem} />}
            <div class="actions">
              <button type="button" onClick={() => setAsking(false)}>
                Cancel
              </button>
              <button class="primary" disabled={busy}>
                Freeze
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </div>
  );
}
