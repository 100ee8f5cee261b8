import { useId } from "preact/hooks";
import { searchFor, searchMessages } from "../builder/sources.ts";
import { dayIn } from "../parts/format.ts";
import { Picker, type Search } from "../parts/picker.tsx";
import { go, search } from "../router.ts";
import { current } from "../state/session.ts";
import { daysBefore } from "./days.ts";

/** Filters are what a report is about. They stand in the address, so that a report can be passed on. */
export interface Filters {
  message: string;
  segment: string;
  from: string;
  to: string;
}

/** filtersOf reads an address; without days it is about the last 30. */
export function filtersOf(query: string): Filters {
  const params = new URLSearchParams(query);
  const of = (name: keyof Filters) => params.get(name) ?? "";
  return { message: of("message"), segment: of("segment"), from: of("from") || lastDays(30), to: of("to") || lastDays(1) };
}

/** lastDays is the first of so many days, the account's today being the last. */
const lastDays = (n: number): string => daysBefore(dayIn(current().timezone), n - 1);

function change(to: Partial<Filters>): void {
  const params = new URLSearchParams(search.peek());
  for (const [name, value] of Object.entries(to)) {
    if (value) params.set(name, value);
    else params.delete(name);
  }
  const query = params.toString();
  go("/report" + (query && "?" + query), "replace");
}

interface EditorProps {
  filters: Filters;
  nameOf: (message: string) => string;
}

export function FilterEditor({ filters: f, nameOf }: EditorProps) {
  return (
    <form class="filters" role="search" aria-label="What the report is about" onSubmit={(e) => e.preventDefault()}>
      <Choice label="Message" all="All messages" value={f.message} search={searchMessages} labelOf={nameOf} onChange={(message) => change({ message })} />
      <Choice label="Segment" all="All contacts" value={f.segment} search={searchFor("segment")} onChange={(segment) => change({ segment })} />
      <DayField label="From" value={f.from} max={f.to} onChange={(from) => change({ from })} />
      <DayField label="To" value={f.to} min={f.from} onChange={(to) => change({ to })} />
      <Lately />
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

/** Lately are the periods that are asked for most. */
function Lately() {
  const kept = current().retention_days;
  return (
    <div class="actions" role="group" aria-label="Days up to today">
      {[7, 30, 90, kept].map((n) => (
        <button key={n} type="button" class="quiet" onClick={() => change({ from: lastDays(n), to: "" })}>
          {n === kept ? "All that are kept" : `${n} days`}
        </button>
      ))}
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
