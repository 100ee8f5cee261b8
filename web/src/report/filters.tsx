import { useId } from "preact/hooks";
import { searchFor, searchMessages } from "../builder/sources.ts";
import { Picker, type Search } from "../parts/picker.tsx";
import { go, search } from "../router.ts";

/** Filters are what a report is about. They stand in the address, so that a report can be passed on. */
export interface Filters {
  message: string;
  segment: string;
  from: string;
  to: string;
}

export function filtersOf(query: string): Filters {
  const params = new URLSearchParams(query);
  const of = (name: keyof Filters) => params.get(name) ?? "";
  return { message: of("message"), segment: of("segment"), from: of("from"), to: of("to") };
}

function change(to: Partial<Filters>): void {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...filtersOf(search.peek()), ...to })) {
    if (value) params.set(name, value);
  }
  const query = params.toString();
  go("/report" + (query && "?" + query), "replace");
}

interface EditorProps {
  filters: Filters;
  period: { from: string; to: string }; // what is shown; empty while that isn't known
  nameOf: (message: string) => string;
}

export function FilterEditor({ filters: f, period, nameOf }: EditorProps) {
  return (
    <form class="filters" role="search" aria-label="What the report is about" onSubmit={(e) => e.preventDefault()}>
      <Choice label="Message" all="All messages" value={f.message} search={searchMessages} labelOf={nameOf} onChange={(message) => change({ message })} />
      <Choice label="Segment" all="All contacts" value={f.segment} search={searchFor("segment")} onChange={(segment) => change({ segment })} />
      <DayField label="From" value={f.from || period.from} max={f.to || period.to} onChange={(from) => change({ from })} />
      <DayField label="To" value={f.to || period.to} min={f.from || period.from} onChange={(to) => change({ to })} />
    </form>
  );
}

interface ChoiceProps {
  label: string;
  all: string;
  value: string;
  search: Search;
  labelOf?: (value: string) => string;
  onChange: (value: string) => void;
}

function Choice({ label, all, value, onChange, ...rest }: ChoiceProps) {
  return (
    <div class="field">
      <span>{label}</span>
      <div class="choice">
        <Picker label={label} placeholder={all} values={value ? [value] : []} onChange={([v]) => onChange(v ?? "")} {...rest} />
        {value && (
          <button type="button" class="quiet" aria-label={all} title={all} onClick={() => onChange("")}>
            ✕
          </button>
        )}
      </div>
    </div>
  );
}

function DayField({ label, value, min, max, onChange }: { label: string; value: string; min?: string; max?: string; onChange: (day: string) => void }) {
  const id = useId();
  return (
    <div class="field day">
      <label for={id}>{label}</label>
      <input id={id} type="date" value={value} min={min} max={max} onChange={(e) => onChange(e.currentTarget.value)} />
    </div>
  );
}
