import { useId, useRef, useState } from "preact/hooks";
import { newCriterion, type Criterion } from "../definition/model.ts";
import { offered, offers } from "./words.ts";

/** AddMenu offers every criterion, and a group. */
export function AddMenu({ onCriterion, onGroup, inGroup }: { onCriterion: (c: Criterion) => void; onGroup: () => void; inGroup: boolean }) {
  const id = useId();
  const opener = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState(false);
  const close = () => (setOpen(false), opener.current?.focus());
  const onKey = (e: KeyboardEvent) => {
    if (e.key === "Escape" && open) close();
  };
  return (
    <div class="add" onKeyDown={onKey} onFocusOut={(e) => !e.currentTarget.contains(e.relatedTarget as Node | null) && setOpen(false)}>
      <button type="button" ref={opener} aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <span aria-hidden="true">+</span> {inGroup ? "Add a condition to the group" : "Add a condition"}
      </button>
      <div id={id} class="menu" hidden={!open} tabIndex={-1}>
        {offers.map(([title, criteria]) => (
          <section key={title}>
            <h3>{title}</h3>
            <ul>
              {criteria.map(({ name, negated = false }) => (
                <li key={name}>
                  <button type="button" class="quiet" onClick={() => (setOpen(false), onCriterion(newCriterion(name, negated)))}>
                    {offered(name, negated)}
                  </button>
                </li>
              ))}
            </ul>
          </section>
        ))}
        <section>
          <h3>Combined</h3>
          <ul>
            <li>
              <button type="button" class="quiet" onClick={() => (setOpen(false), onGroup())}>
                A group of conditions
              </button>
            </li>
          </ul>
        </section>
      </div>
    </div>
  );
}
