import type { Condition, Origin } from "../api/types.ts";
import { isBehaviour, isFactName, newGroup, newId, type Behaviour, type Criterion, type DidCriterion, type Form, type Frequency, type Kind, type Match, type Messages, type Part, type Period, type Start } from "./model.ts";

/** read turns a definition's JSON form, as the server writes it, into a form. */
export function read(from: Origin, where: Condition | undefined): Form {
  const part = where && partOf(where);
  const root = part?.kind === "group" ? part : newGroup("all", part ? [part] : []);
  return { from: startOf(from), root };
}

function startOf(from: Origin): Start {
  const [kind, name] = single(from);
  return kind === "all_contacts" ? { kind, name: "" } : { kind: kind as Kind, name: String(name) };
}

function partOf(condition: Condition): Part {
  const [name, value] = single(condition);
  switch (name) {
    case "all":
    case "any":
      return newGroup(name, (value as Condition[]).map(partOf));
    case "not":
      return negate(partOf(value as Condition));
    default:
      return criterionOf(name, value);
  }
}

const opposite: Record<Match, Match> = { all: "not-all", "not-all": "all", any: "none", none: "any" };

function negate(part: Part): Part {
  if (part.kind === "group") return { ...part, match: opposite[part.match] };
  return { ...part, negated: !part.negated };
}

function criterionOf(name: string, value: unknown): Criterion {
  const base = { id: newId(), negated: false };
  if (isFactName(name)) return { ...base, kind: name, negated: value === false };
  if (name === "phone_in") return { ...base, kind: name, countries: value as string[] };
  if (isBehaviour(name)) return didOf(name, value as Did);
  return { ...base, kind: "in", of: name.slice("in_".length) as Kind, name: String(value) };
}

interface Did {
  messages?: Record<string, string[]>;
  at_least?: number;
  at_most?: number;
  exactly?: number;
  at_least_days?: number;
  last_days?: number;
  days_ago?: [number, number];
  on?: string;
  between?: [string, string];
  before?: string;
  since?: string;
}

function didOf(kind: Behaviour, did: Did): DidCriterion {
  return { id: newId(), negated: false, kind, messages: messagesOf(did), frequency: frequencyOf(did), period: periodOf(did) };
}

function messagesOf(did: Did): Messages {
  if (!did.messages) return { mode: "anything", names: [] };
  const [mode, names] = single(did.messages);
  return { mode: mode as Messages["mode"], names };
}

function frequencyOf(did: Did): Frequency {
  for (const kind of ["at_least", "at_most", "exactly", "at_least_days"] as const) {
    if (did[kind] !== undefined) return { kind, k: did[kind] };
  }
  return { kind: "once", k: undefined };
}

function periodOf(did: Did): Period {
  if (did.last_days !== undefined) return { kind: "last_days", n: did.last_days };
  if (did.days_ago) return { kind: "days_ago", n: did.days_ago[0], m: did.days_ago[1] };
  if (did.between) return { kind: "between", from: did.between[0], to: did.between[1] };
  for (const kind of ["on", "before", "since"] as const) {
    if (did[kind]) return { kind, date: did[kind] };
  }
  return { kind: "ever" };
}

function single<T>(o: { [key: string]: T }): [string, T] {
  const entry = Object.entries(o)[0];
  if (!entry) throw new Error("a definition with an empty part");
  return entry;
}
