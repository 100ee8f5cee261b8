import { useEffect, useState } from "preact/hooks";
import { ask, asProblem, get, segmentPath, type Problem } from "../api/http.ts";
import type { Segment } from "../api/types.ts";
import { slug } from "../definition/slug.ts";
import { Dialog } from "../parts/dialog.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { beforeLeaving, go } from "../router.ts";
import { sizes } from "../state/live.ts";
import type { Draft } from "./draft.ts";
import { announced } from "./result.tsx";

interface SaveProps {
  draft: Draft;
  name: string;
  stored: Segment | undefined;
  onDiscard: (() => void) | undefined;
}

/** SaveBar stores the segment. It stays in sight, with the count. */
export function SaveBar({ draft, name, stored, onDiscard }: SaveProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const id = stored?.id ?? slug(name, sizes.value.keys());
  const changed = name !== (stored?.name ?? "") || draft.text.value !== (stored?.text ?? "all contacts");
  useUnsaved(changed && !busy);

  const save = async (ifMatch: Record<string, string>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await ask(segmentPath(id), { method: "PUT", json: { ...draft.body(), name: name.trim() }, headers: ifMatch });
      beforeLeaving.question = undefined;
      go(`/segments/${id}`);
    } catch (e) {
      setProblem(asProblem(e));
      setBusy(false);
    }
  };
  const incomplete = draft.incomplete.value.size;
  const blocked = incomplete > 0 ? "Fill in the conditions that are left out" : draft.problem.value?.body.at ? "Mend the definition" : name.trim() === "" ? "Give it a name" : "";
  const submit = () => (blocked ? focusFirst() : void save(stored ? { "If-Match": `"${stored.version}"` } : { "If-None-Match": "*" }));
  return (
    <div class="savebar">
      <p class="count number">
        {announced(draft.preview.value)}
      </p>
      {!stored && name.trim() && (
        <span class="hint id">
          will be known as <code>{id}</code>
        </span>
      )}
      <span class="hint" id="blocked" role="status">
        {changed && blocked}
      </span>
      <div class="actions">
        <a class="button" href={stored ? `/segments/${stored.id}` : "/segments"}>
          Cancel
        </a>
        <button type="button" class="primary" aria-disabled={blocked !== "" || busy} aria-describedby="blocked" onClick={() => !busy && submit()}>
          {stored ? "Save changes" : "Save segment"}
        </button>
      </div>
      {problem?.kind === "version-mismatch" && stored && (
        <Conflict id={id} mine={draft.text.value} onTake={() => onDiscard?.()} onKeep={(version) => void save({ "If-Match": `"${version}"` })} onClose={() => setProblem(undefined)} />
      )}
      {problem && !(problem.kind === "version-mismatch" && stored) && <ProblemNote problem={problem} />}
    </div>
  );
}

/** focusFirst goes to what keeps the segment from being saved. */
function focusFirst(): void {
  const at = document.querySelector<HTMLElement>(".part:has(> .what > .hint) input, [aria-invalid=true]") ?? document.getElementById("name");
  at?.focus();
}

function useUnsaved(changed: boolean): void {
  useEffect(() => {
    beforeLeaving.question = changed ? "Leave without saving? Your changes will be lost." : undefined;
    return () => void (beforeLeaving.question = undefined);
  }, [changed]);
}

interface ConflictProps {
  id: string;
  mine: string;
  onTake: () => void;
  onKeep: (version: number) => void;
  onClose: () => void;
}

/** Conflict says that somebody else stored the segment meanwhile, and what. */
function Conflict({ id, mine, onTake, onKeep, onClose }: ConflictProps) {
  const [theirs, setTheirs] = useState<Segment>();
  useEffect(() => {
    get<Segment>(segmentPath(id)).then(setTheirs, () => {});
  }, [id]);
  return (
    <Dialog title="Somebody changed this segment meanwhile" onClose={onClose}>
      <dl class="versions">
        <dt>Theirs, saved</dt>
        <dd>
          <strong dir="auto">{theirs?.name}</strong>
          <code dir="auto">{theirs?.text ?? "it was deleted"}</code>
        </dd>
        <dt>Yours, not saved</dt>
        <dd>
          <code dir="auto">{mine}</code>
        </dd>
      </dl>
      <div class="actions">
        <button type="button" onClick={onClose}>
          Go on editing
        </button>
        <button type="button" onClick={onTake}>
          Take theirs
        </button>
        {theirs && (
          <button type="button" class="danger" onClick={() => onKeep(theirs.version)}>
            Replace theirs with yours
          </button>
        )}
      </div>
    </Dialog>
  );
}
