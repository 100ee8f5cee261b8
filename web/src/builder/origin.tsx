import type { Start } from "../definition/model.ts";
import { originId } from "../definition/tojson.ts";
import { Picker } from "../parts/picker.tsx";
import { Select } from "./criterion.tsx";
import type { Draft } from "./draft.ts";
import { complaint } from "./group.tsx";
import { searchFor } from "./sources.ts";
import { startNames } from "./words.ts";

/** OriginEditor is the audience that a segment starts from. */
export function OriginEditor({ draft, segment }: { draft: Draft; segment: string }) {
  const form = draft.form.value;
  const { kind, name } = form.from;
  const set = (from: Start) => draft.setForm({ ...form, from });
  const wrong = draft.wrong.value === originId;
  return (
    <div class="origin" role="group" aria-labelledby="origin">
      <h2 id="origin">Start from</h2>
      <div class="criterion">
        <Select label="The audience to start from" value={kind} options={startNames} onChange={(kind) => set({ kind, name: "" })} />
        {kind !== "all_contacts" && (
          <Picker
            key={kind}
            label={`Name of the ${kind}`}
            autofocus={name === ""}
            allowOther
            values={name ? [name] : []}
            onChange={([name]) => set({ kind, name: name ?? "" })}
            search={searchFor(kind, segment)}
            placeholder={`Choose a ${kind}`}
            invalid={wrong}
          />
        )}
      </div>
      {wrong && <p class="error">{complaint(draft)}</p>}
      {draft.incomplete.value.has(originId) && <p class="hint">All contacts are counted until one is chosen.</p>}
    </div>
  );
}
