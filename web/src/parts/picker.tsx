import { useEffect, useId, useRef, useState } from "preact/hooks";
import { asProblem, type Problem } from "../api/http.ts";
import { Chips } from "./chips.tsx";
import { useOptions, type Option, type Search } from "./options.ts";

export type { Option, Search };

export interface PickerProps {
  label: string;
  values: string[];
  onChange: (values: string[]) => void;
  search: Search;
  multiple?: boolean; // default: one value
  allowOther?: boolean; // take what was typed too, if no option is that
  labelOf?: (value: string) => string; // default: as the search found it, else the value itself
  placeholder?: string;
  invalid?: boolean;
  autofocus?: boolean;
}

/** Picker is a combobox: type to search, choose with the arrows and Enter, or with the pointer. */
export function Picker(p: PickerProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [query, setQuery] = useState("");
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const found = useOptions(p.search, query, open, p.allowOther ?? false);
  const labelOf = (value: string) => p.labelOf?.(value) ?? found.labels.get(value) ?? value;
  const single = p.multiple ? undefined : p.values[0];
  const active = open ? found.options[Math.min(at, found.options.length - 1)] : undefined;

  const close = () => (setOpen(false), setQuery(""));
  const show = () => (setOpen(true), setAt(0));
  useEffect(() => {
    if (!p.autofocus) return;
    input.current?.focus();
    show();
  }, []);
  useEffect(() => {
    document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [at, open]);

  const choose = (o: Option) => {
    if (!p.multiple) p.onChange([o.value]);
    else p.onChange(p.values.includes(o.value) ? p.values.filter((v) => v !== o.value) : [...p.values, o.value]);
    setQuery("");
    setOpen(false);
  };
  const step = (by: number) => (open ? setAt((at + by + found.options.length) % (found.options.length || 1)) : show());
  const keys: Record<string, () => void> = {
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    Enter: () => (active ? choose(active) : show()),
    Escape: close,
  };
  const onKey = (e: KeyboardEvent) => {
    if (e.key === "Backspace" && query === "" && p.multiple && p.values.length > 0) return p.onChange(p.values.slice(0, -1));
    if (e.key === "Escape" && !open) return;
    if (e.key in keys && !e.isComposing) {
      e.preventDefault();
      keys[e.key]!();
    }
  };
  return (
    <div class="picker" onFocusOut={(e) => !e.currentTarget.contains(e.relatedTarget as Node | null) && close()}>
      <div class="picked" onClick={() => input.current?.focus()}>
        {p.multiple && <Chips values={p.values} labelOf={labelOf} onRemove={(v) => p.onChange(p.values.filter((o) => o !== v))} />}
        <input
          ref={input}
          role="combobox"
          aria-label={p.label}
          aria-expanded={open}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={active && `${id}-${found.options.indexOf(active)}`}
          aria-invalid={p.invalid ? "true" : undefined}
          autocomplete="off"
          spellcheck={false}
          dir="auto"
          placeholder={single ? "" : p.placeholder}
          value={open || single === undefined ? query : labelOf(single)}
          onInput={(e) => (setQuery(e.currentTarget.value), show())}
          onClick={show}
          onKeyDown={onKey}
        />
      </div>
      <div class="options" hidden={!open}>
        <ul role="listbox" id={`${id}-list`} aria-label={p.label} aria-multiselectable={p.multiple}>
          {found.options.map((o, i) => (
            <li
              key={o.value}
              id={`${id}-${i}`}
              role="option"
              class={o === active ? "active" : ""}
              aria-selected={p.values.includes(o.value)}
              onMouseDown={(e) => e.preventDefault()}
              onMouseMove={() => setAt(i)}
              onClick={() => choose(o)}
            >
              <span dir="auto">{o.label}</span>
              {o.hint && <span class="hint">{o.hint}</span>}
            </li>
          ))}
        </ul>
        <Outcome loading={found.loading} problem={found.error === undefined ? undefined : asProblem(found.error)} none={found.options.length === 0} />
      </div>
    </div>
  );
}

function Outcome({ loading, problem, none }: { loading: boolean; problem: Problem | undefined; none: boolean }) {
  const text = problem ? problem.body.title : none ? (loading ? "Searching…" : "Nothing found") : "";
  return (
    <p role="status" class={text ? "hint" : "unseen"}>
      {text}
    </p>
  );
}
