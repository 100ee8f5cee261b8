// A definition as the form edits it. Every part has an id, by which it is found
// again when it changed, and a criterion says itself whether it is negated.

export type Kind = "list" | "form" | "webinar" | "segment";
export type Fact = "opted_in" | "opted_out" | "valid_phone";
export type Behaviour = "sent" | "clicked" | "failed" | "replied";

export interface Start {
  kind: "all_contacts" | Kind;
  name: string; // empty for all contacts
}

export interface Messages {
  mode: "anything" | "any" | "all" | "none";
  names: string[];
}

/** A number that the form does not have yet is undefined. */
export type Count = number | undefined;

export interface Frequency {
  kind: "once" | "at_least" | "at_most" | "exactly" | "at_least_days";
  k: Count;
}

export type Period =
  | { kind: "ever" }
  | { kind: "last_days"; n: Count }
  | { kind: "days_ago"; n: Count; m: Count }
  | { kind: "on" | "before" | "since"; date: string }
  | { kind: "between"; from: string; to: string };

export interface FactCriterion {
  id: number;
  kind: Fact;
  negated: boolean;
}

export interface PhoneCriterion {
  id: number;
  kind: "phone_in";
  negated: boolean;
  countries: string[];
}

export interface InCriterion {
  id: number;
  kind: "in";
  negated: boolean;
  of: Kind;
  name: string;
}

export interface DidCriterion {
  id: number;
  kind: Behaviour;
  negated: boolean;
  messages: Messages;
  frequency: Frequency;
  period: Period;
}

export type Criterion = FactCriterion | PhoneCriterion | InCriterion | DidCriterion;

/** What of a group's parts a contact has to match. */
export type Match = "all" | "any" | "none" | "not-all";

export interface Group {
  id: number;
  kind: "group";
  match: Match;
  parts: Part[];
}

export type Part = Group | Criterion;

export interface Form {
  from: Start;
  root: Group;
}

const behaviours: readonly string[] = ["sent", "clicked", "failed", "replied"] satisfies Behaviour[];
const facts: readonly string[] = ["opted_in", "opted_out", "valid_phone"] satisfies Fact[];

export const isDid = (p: Part): p is DidCriterion => behaviours.includes(p.kind);
export const isFact = (p: Part): p is FactCriterion => facts.includes(p.kind);
export const isBehaviour = (name: string): name is Behaviour => behaviours.includes(name);
export const isFactName = (name: string): name is Fact => facts.includes(name);

let last = 0;

/** newId tells a part of the form from others. */
export const newId = (): number => ++last;

export const newGroup = (match: Match, parts: Part[] = []): Group => ({ id: newId(), kind: "group", match, parts });

export const emptyForm = (): Form => ({ from: { kind: "all_contacts", name: "" }, root: newGroup("all") });

/** What the menu of criteria offers; "in" comes once for each kind. */
export type CriterionName = Fact | "phone_in" | Behaviour | `in_${Kind}`;

/** newCriterion is one as people mostly want it: a behaviour in the last 30 days, or not sent to in the last 7. */
export function newCriterion(name: CriterionName, negated = false): Criterion {
  const base = { id: newId(), negated };
  if (isFactName(name)) return { ...base, kind: name };
  if (name === "phone_in") return { ...base, kind: name, countries: [] };
  if (isBehaviour(name)) {
    const n = name === "sent" && negated ? 7 : 30;
    return { ...base, kind: name, messages: { mode: "anything", names: [] }, frequency: { kind: "once", k: undefined }, period: { kind: "last_days", n } };
  }
  return { ...base, kind: "in", of: name.slice(3) as Kind, name: "" };
}

export const nameOf = (c: Criterion): CriterionName => (c.kind === "in" ? `in_${c.of}` : c.kind);
