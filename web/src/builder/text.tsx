import { useRef } from "preact/hooks";
import type { Place } from "../api/types.ts";
import type { Draft } from "./draft.ts";
import { complaint } from "./group.tsx";

/** TextEditor is the definition as text. Mistakes are shown at their places. */
export function TextEditor({ draft }: { draft: Draft }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const at = draft.edited.value === "text" ? draft.problem.value?.body.at : undefined;
  const goTo = (offset: number) => {
    area.current?.focus();
    area.current?.setSelectionRange(offset, draft.text.value.length);
  };
  return (
    <section class="astext">
      <label class="field">
        <span>
          The same as text <span class="hint">edit either, the other follows</span>
        </span>
        <textarea
          ref={area}
          class="text"
          rows={2}
          spellcheck={false}
          autocapitalize="off"
          dir="auto"
          value={draft.text.value}
          aria-invalid={at ? "true" : undefined}
          aria-describedby={at ? "text-error" : undefined}
          onInput={(e) => draft.setText(e.currentTarget.value)}
        />
      </label>
      {at?.line && <Mistake text={draft.text.value} at={at} message={complaint(draft)} goTo={goTo} />}
    </section>
  );
}

function Mistake({ text, at, message, goTo }: { text: string; at: Place; message: string; goTo: (offset: number) => void }) {
  const line = text.split("\n")[(at.line ?? 1) - 1] ?? "";
  const letters = [...line];
  const column = (at.column ?? 1) - 1;
  return (
    <div class="mistake" id="text-error" role="alert">
      <pre aria-hidden="true">
        {letters.slice(0, column).join("")}
        <mark>{letters.slice(column).join("") || " "}</mark>
      </pre>
      <p class="error">
        Line {at.line}, column {at.column}: {message}
      </p>
      <button type="button" onClick={() => goTo(charactersIn(text, at.offset ?? 0))}>
        Go there
      </button>
    </div>
  );
}

/** charactersIn is where a number of bytes of UTF-8 ends in a string. */
function charactersIn(text: string, bytes: number): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).slice(0, bytes)).length;
}
