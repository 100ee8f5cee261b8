import type { Preview } from "../api/types.ts";
import { Bars } from "../parts/bars.tsx";
import { count, plural } from "../parts/format.ts";
import { Picker } from "../parts/picker.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { Reached } from "../parts/reach.tsx";
import type { Draft } from "./draft.ts";
import { searchFor } from "./sources.ts";

/** Result is whom the definition means now, as far as it is right. */
export function Result({ draft, segment }: { draft: Draft; segment: string }) {
  const p = draft.preview.value;
  const problem = draft.problem.value;
  const elsewhere = problem && !problem.body.at?.line && draft.wrong.value === undefined;
  return (
    <aside class={draft.pending.value || problem ? "result old" : "result"} aria-label="What it matches now">
      {elsewhere && <ProblemNote problem={problem} retry={() => draft.count()} />}
      {!p && !problem && <p class="loading">Counting…</p>}
      {p && <Numbers preview={p} draft={draft} segment={segment} />}
    </aside>
  );
}

function Numbers({ preview: p, draft, segment }: { preview: Preview; draft: Draft; segment: string }) {
  const problem = draft.problem.value;
  return (
    <>
      <div role="status" class="total">
        <p class="big">{count(p.size)}</p>
        <p>{problem ? (problem.body.at ? "contacts matched before the mistake" : "contacts matched when they were last counted") : p.size === 1 ? "contact matches now" : "contacts match now"}</p>
      </div>
      {!p.freshness.fresh && <p class="warning">This count is behind what was recorded: {(p.freshness.missing ?? []).join(", ")}</p>}
      {p.warnings.map((w) => (
        <p class="warning" key={w.kind + w.name}>
          {w.message}
        </p>
      ))}
      <section>
        <h2>Whom you can reach</h2>
        <Reached reach={p.reach} />
      </section>
      {p.funnel.length > 1 && (
        <section>
          <h2>Condition by condition</h2>
          <Bars caption="How many are left after each condition" rows={p.funnel.map((s) => ({ name: s.condition, value: s.size, code: true }))} />
        </section>
      )}
      <section>
        <h2>Some of them</h2>
        {p.sample.length === 0 ? (
          <p class="hint">Nobody matches.</p>
        ) : (
          <p class="sample">
            {p.sample.map((c) => (
              <bdi key={c}>{c}</bdi>
            ))}
          </p>
        )}
      </section>
      <Overlap preview={p} draft={draft} segment={segment} />
    </>
  );
}

function Overlap({ preview: { overlap }, draft, segment }: { preview: Preview; draft: Draft; segment: string }) {
  const chosen = draft.overlap.value;
  return (
    <section>
      <h2>Overlap with a segment</h2>
      <Picker
        label="Segment to compare with"
        values={chosen ? [chosen] : []}
        onChange={([id]) => draft.compareWith(id ?? "")}
        search={searchFor("segment", segment)}
        placeholder="Compare with a segment"
      />
      {chosen && overlap?.segment === chosen && (
        <Bars
          caption={`Overlap with ${chosen}`}
          rows={[
            { name: "In both", value: overlap.both },
            { name: "Only in this one", value: overlap.only_this },
            { name: `Only in ${chosen}`, value: overlap.only_other },
          ]}
        />
      )}
      {chosen && (
        <button type="button" class="quiet" onClick={() => draft.compareWith("")}>
          Stop comparing
        </button>
      )}
    </section>
  );
}

/** announced is the count in words, for the bar that stays in sight. */
export const announced = (p: Preview | undefined): string => (p ? plural(p.size, "contact") : "Not counted yet");
