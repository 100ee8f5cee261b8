import { useEffect, useMemo, useState } from "preact/hooks";
import { get, segmentPath } from "../api/http.ts";
import type { Preview, Segment } from "../api/types.ts";
import { Draft, type Ask } from "../builder/draft.ts";
import { GroupEditor, type Editing } from "../builder/group.tsx";
import { OriginEditor } from "../builder/origin.tsx";
import { Result } from "../builder/result.tsx";
import { SaveBar } from "../builder/save.tsx";
import { TextEditor } from "../builder/text.tsx";
import { read } from "../definition/fromjson.ts";
import { emptyForm } from "../definition/model.ts";
import { Await } from "../parts/states.tsx";
import { search } from "../router.ts";
import { connection } from "../state/live.ts";
import { useLoaded } from "../state/loaded.ts";

/** NewSegment builds one that isn't there yet; ?from= has it stand on another segment, ?list= on a list and so on. */
export function NewSegment() {
  const form = emptyForm();
  for (const [name, value] of new URLSearchParams(search.value)) {
    if (name === "from") form.from = { kind: "segment", name: value };
    if (name === "list" || name === "form" || name === "webinar") form.from = { kind: name, name: value };
  }
  return <Builder form={form} />;
}

export function EditSegment({ id }: { id: string }) {
  const [version, setVersion] = useState(0); // counts how often the stored one was taken instead of one's own
  const loaded = useLoaded((signal) => get<Segment>(segmentPath(id), { signal }), [id, version]);
  return (
    <>
      {!loaded.value && <h1>Edit a segment</h1>}
      <Await of={loaded}>{(s) => <Builder key={s.version} form={read(s.from, s.where)} stored={s} onDiscard={() => setVersion(version + 1)} />}</Await>
    </>
  );
}

interface BuilderProps {
  form: ReturnType<typeof emptyForm>;
  stored?: Segment;
  onDiscard?: () => void;
}

function Builder({ form, stored, onDiscard }: BuilderProps) {
  const segment = stored?.id ?? "";
  const draft = useMemo(() => new Draft(form, askFor(segment)), []);
  const editing = useMemo<Editing>(() => ({ draft, segment, added: { id: 0 } }), []);
  useEffect(() => () => draft.close(), []);
  const [name, setName] = useState(stored?.name ?? "");
  const live = connection.value.state === "live";
  useEffect(() => {
    if (live && draft.problem.peek()?.kind === "offline") draft.count();
  }, [live]);
  return (
    <>
      <h1 dir="auto">{stored ? `Edit ${stored.name}` : "New segment"}</h1>
      <form class="builder" onSubmit={(e) => e.preventDefault()}>
        <div class="definition">
          <label class="field name">
            <span>Name</span>
            <input id="name" required dir="auto" maxLength={200} placeholder="What you will call it" value={name} onInput={(e) => setName(e.currentTarget.value)} />
          </label>
          <OriginEditor draft={draft} segment={segment} />
          <section aria-labelledby="where">
            <h2 id="where">Conditions</h2>
            {draft.form.value.root.parts.length === 0 && <p class="hint">None yet, so it is everybody.</p>}
            <GroupEditor group={draft.form.value.root} editing={editing} isRoot />
          </section>
          <TextEditor draft={draft} />
        </div>
        <Result draft={draft} segment={segment} />
        <SaveBar draft={draft} name={name} stored={stored} onDiscard={onDiscard} />
      </form>
    </>
  );
}

/** askFor previews a definition; that of a stored segment says so, to have circles found. */
function askFor(segment: string): Ask {
  return (body, overlap, signal) =>
    get<Preview>("/v1/preview", { method: "POST", query: { overlap }, json: segment ? { ...body, id: segment } : body, signal });
}
