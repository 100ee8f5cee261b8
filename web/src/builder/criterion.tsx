import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { isDid, isFact, nameOf, type Criterion } from "../definition/model.ts";
import { Picker } from "../parts/picker.tsx";
import { Did } from "./did.tsx";
import { countryLabel, searchCountries, searchFor } from "./sources.ts";
import { criterionNames, verbs } from "./words.ts";

export interface CriterionProps {
  criterion: Criterion;
  onChange: (c: Criterion) => void;
  editing: string; // the segment that is edited; empty: a new one
  invalid: boolean;
  isNew: boolean; // was just added, and takes the focus
}

/** CriterionRow is a sentence about a contact, each of whose words can be changed. */
export function CriterionRow(p: CriterionProps) {
  const { criterion: c, onChange } = p;
  const name = criterionNames[nameOf(c)];
  return (
    <div class="criterion" role="group" aria-label={name}>
      <Verb {...p} />
      {isDid(c) && <Did did={c} onChange={onChange} invalid={p.invalid} />}
      {c.kind === "phone_in" && (
        <Picker
          label="Countries"
          multiple
          autofocus={p.isNew}
          values={c.countries}
          onChange={(countries) => onChange({ ...c, countries })}
          search={searchCountries}
          labelOf={countryLabel}
          placeholder="Choose countries"
          invalid={p.invalid}
        />
      )}
      {c.kind === "in" && (
        <>
          <span>{c.of}</span>
          <Picker
            key={c.of}
            label={`Name of the ${c.of}`}
            autofocus={p.isNew}
            allowOther
            values={c.name ? [c.name] : []}
            onChange={([name]) => onChange({ ...c, name: name ?? "" })}
            search={searchFor(c.of, p.editing)}
            placeholder={`Choose a ${c.of}`}
            invalid={p.invalid}
          />
        </>
      )}
    </div>
  );
}

function Verb({ criterion: c, onChange, isNew }: CriterionProps) {
  const [is, not] = verbs[isFact(c) || isDid(c) || c.kind === "phone_in" ? c.kind : "in"];
  return (
    <Select
      label="Is it so, or not"
      value={c.negated ? "not" : "is"}
      options={{ is, not }}
      onChange={(v) => onChange({ ...c, negated: v === "not" })}
      autofocus={isNew && (isDid(c) || isFact(c))}
    />
  );
}

interface SelectProps<V extends string> {
  label: string;
  value: V;
  options: Record<V, string>;
  onChange: (value: V) => void;
  autofocus?: boolean;
}

/** Select is a choice of a few words. */
export function Select<V extends string>({ label, value, options, onChange, autofocus }: SelectProps<V>) {
  const select = useRef<HTMLSelectElement>(null);
  useEffect(() => {
    if (autofocus) select.current?.focus();
  }, []);
  return (
    <select ref={select} aria-label={label} value={value} onChange={(e) => onChange(e.currentTarget.value as V)}>
      {(Object.entries(options) as [V, string][]).map(([v, name]) => (
        <option key={v} value={v}>
          {name}
        </option>
      ))}
    </select>
  );
}

/** Words are what stands between the fields. */
export const Words = ({ children }: { children: ComponentChildren }) => <span class="words">{children}</span>;
