import { useRef } from "preact/hooks";
import type { Place } from "../api/types.ts";
import { extent } from "../definition/mistake.ts";
import type { Draft } from "./draft.ts";
import { complaint } from "./group.tsx";

/** TextEditor is the definition as text. Mistakes are shown at their places. */
export function TextEditor({ draft }: { draft: Draft }) {
  const area = useRef<HTMLTextAreaElement>(null);
  const at = draft.edited.value === "text" ? draft.problem.value?.body.at : undefined;
  const goTo = (from: number, to: number) => {
    area.current?.focus();
    area.current?.setSelectionRange(from, to);
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
      {at?.line && <Mistake text={draft.text.value} at={at} message={complaint(draft)} goTo={goTo} onMend={(text) => draft.setText(text)} />}
    </section>
  );
}

interface MistakeProps {
  text: string;
  at: Place;
  message: string;
  goTo: (from: number, to: number) => void;
  onMend: (text: string) => void;
}

function Mistake({ text, at, message, goTo, onMend }: MistakeProps) {
  const { from, to } = extent(text, at);
  const begin = text.lastIndexOf("\n", from - 1) + 1;
  const end = text.indexOf("\n", to) < 0 ? text.length : text.indexOf("\n", to);
  return (
    <div class="mistake" id="text-error" role="alert">
      <pre aria-hidden="true">
        {text.slice(begin, from)}
        <mark>{text.slice(from, to) || " "}</mark>
        {text.slice(to, end)}
      </pre>
      <p class="error">
        Line {at.line}, column {at.column}: {message}
      </p>
      <div class="actions">
        <button type="button" onClick={() => goTo(from, to)}>
          Go there
        </button>
        {at.suggestion && to > from && (
          <button type="button" onClick={() => onMend(text.slice(0, from) + at.suggestion + text.slice(to))}>
            Use {at.suggestion}
          </button>
        )}
      </div>
    </div>
  );
}
