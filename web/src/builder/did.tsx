import type { Count, DidCriterion, Frequency, Messages, Period } from "../definition/model.ts";
import { dayIn } from "../parts/format.ts";
import { Picker } from "../parts/picker.tsx";
import { current } from "../state/session.ts";
import { Select, Words } from "./criterion.tsx";
import { searchMessages } from "./sources.ts";
import { frequencyChoices, frequencyNames, messagesNames, periodChoices, periodNames } from "./words.ts";

/** Did is on which messages, how often and when somebody did something. */
export function Did({ did: d, onChange, invalid }: { did: DidCriterion; onChange: (d: DidCriterion) => void; invalid: boolean }) {
  return (
    <>
      <OnMessages messages={d.messages} onChange={(messages) => onChange({ ...d, messages })} invalid={invalid} />
      {d.messages.mode !== "none" && <HowOften frequency={d.frequency} negated={d.negated} onChange={(frequency) => onChange({ ...d, frequency })} invalid={invalid} />}
      <When period={d.period} onChange={(period) => onChange({ ...d, period })} invalid={invalid} />
    </>
  );
}

function OnMessages({ messages: m, onChange, invalid }: { messages: Messages; onChange: (m: Messages) => void; invalid: boolean }) {
  return (
    <>
      <Select label="Which messages" value={m.mode} options={messagesNames} onChange={(mode) => onChange({ ...m, mode })} />
      {m.mode !== "anything" && (
        <Picker
          label="Messages"
          multiple
          allowOther
          values={m.names}
          onChange={(names) => onChange({ ...m, names })}
          search={searchMessages}
          placeholder="Choose messages"
          invalid={invalid && m.names.length === 0}
        />
      )}
    </>
  );
}

interface HowOftenProps {
  frequency: Frequency;
  negated: boolean;
  onChange: (f: Frequency) => void;
  invalid: boolean;
}

function HowOften({ frequency: f, negated, onChange, invalid }: HowOftenProps) {
  const choose = (kind: Frequency["kind"]) => onChange({ kind, k: kind === "once" ? undefined : (f.k ?? 2) });
  const options = { ...frequencyChoices, [f.kind]: frequencyNames[f.kind], once: negated ? "even once" : frequencyNames.once };
  return (
    <>
      <Select label="How often" value={f.kind} options={options} onChange={choose} />
      {f.kind !== "once" && (
        <>
          <NumberInput label={f.kind === "at_least_days" ? "Number of days" : "Number of times"} value={f.k} onChange={(k) => onChange({ ...f, k })} invalid={invalid} />
          <Words>{f.kind === "at_least_days" ? "distinct days" : "times"}</Words>
        </>
      )}
    </>
  );
}

function When({ period: p, onChange, invalid }: { period: Period; onChange: (p: Period) => void; invalid: boolean }) {
  return (
    <>
      <Select label="When" value={p.kind} options={{ ...periodChoices, [p.kind]: periodNames[p.kind] }} onChange={(kind) => onChange(periodOf(kind))} />
      {p.kind === "last_days" && (
        <>
          <NumberInput label="Number of days" value={p.n} onChange={(n) => onChange({ ...p, n })} invalid={invalid} />
          <Words>days</Words>
        </>
      )}
      {p.kind === "days_ago" && (
        <>
          <NumberInput label="From so many days ago" value={p.n} onChange={(n) => onChange({ ...p, n })} invalid={invalid} />
          <Words>and</Words>
          <NumberInput label="To so many days ago" value={p.m} onChange={(m) => onChange({ ...p, m })} invalid={invalid} />
          <Words>days ago</Words>
        </>
      )}
      {"date" in p && <DateInput label="Day" value={p.date} onChange={(date) => onChange({ ...p, date })} invalid={invalid} />}
      {p.kind === "between" && (
        <>
          <DateInput label="First day" value={p.from} onChange={(from) => onChange({ ...p, from })} invalid={invalid} />
          <Words>to</Words>
          <DateInput label="Last day" value={p.to} onChange={(to) => onChange({ ...p, to })} invalid={invalid} />
        </>
      )}
      {p.kind === "ever" && <Words>({current().retention_days} days are kept)</Words>}
    </>
  );
}

function periodOf(kind: Period["kind"]): Period {
  const today = dayIn(current().timezone);
  switch (kind) {
    case "ever":
      return { kind };
    case "last_days":
      return { kind, n: 30 };
    case "days_ago":
      return { kind, n: 30, m: 60 };
    case "between":
      return { kind, from: today.slice(0, 8) + "01", to: today };
    default:
      return { kind, date: today };
  }
}

interface InputProps<V> {
  label: string;
  value: V;
  onChange: (value: V) => void;
  invalid: boolean;
}

function NumberInput({ label, value, onChange, invalid }: InputProps<Count>) {
  return (
    <input
      type="number"
      inputMode="numeric"
      min={1}
      max={10000}
      step={1}
      aria-label={label}
      aria-invalid={invalid ? "true" : undefined}
      value={value ?? ""}
      onInput={(e) => onChange(e.currentTarget.value === "" ? undefined : e.currentTarget.valueAsNumber)}
    />
  );
}

function DateInput({ label, value, onChange, invalid }: InputProps<string>) {
  return <input type="date" aria-label={label} aria-invalid={invalid ? "true" : undefined} value={value} onInput={(e) => onChange(e.currentTarget.value)} />;
}
