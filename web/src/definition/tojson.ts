import type { Condition, Origin } from "../api/types.ts";
import { isDid, isFact, type Count, type Criterion, type DidCriterion, type Form, type Frequency, type Group, type Messages, type Part, type Period, type Start } from "./model.ts";

/** Written is a form's JSON, and what the form has to know to show the server's complaints in their places. */
export interface Written {
  from: Origin;
  where?: Condition;
  incomplete: Set<number>; // the parts that are left out since something is missing in them; 0 is the origin
  places: [path: string, id: number][];
}

/** The id that the form's origin goes by. */
export const originId = 0;

/** write turns a form into JSON. Parts that are not filled in yet, and groups without parts, are left out. */
export function write(form: Form): Written {
  const out: Written = { from: { all_contacts: true }, incomplete: new Set(), places: [["from", originId]] };
  const from = originOf(form.from);
  if (from) out.from = from;
  else out.incomplete.add(originId);
  const where = groupOf(form.root, "where", out);
  if (where) out.where = where;
  return out;
}

function originOf(start: Start): Origin | undefined {
  if (start.kind === "all_contacts") return { all_contacts: true };
  return start.name ? { [start.kind]: start.name } : undefined;
}

function groupOf(group: Group, path: string, out: Written): Condition | undefined {
  const negated = group.match === "none" || group.match === "not-all";
  const operator = group.match === "any" || group.match === "none" ? "any" : "all";
  const within = `${path}${negated ? ".not" : ""}.${operator}`;
  const parts: Condition[] = [];
  for (const part of group.parts) {
    const condition = partOf(part, `${within}[${parts.length}]`, out);
    if (condition) parts.push(condition);
  }
  if (parts.length === 0) return undefined;
  out.places.push([path, group.id]);
  return negated ? { not: { [operator]: parts } } : { [operator]: parts };
}

function partOf(part: Part, path: string, out: Written): Condition | undefined {
  if (part.kind === "group") return groupOf(part, path, out);
  const condition = criterionOf(part);
  if (!condition) {
    out.incomplete.add(part.id);
    return undefined;
  }
  out.places.push([path, part.id]);
  return part.negated ? { not: condition } : condition;
}

function criterionOf(c: Criterion): Condition | undefined {
  if (isFact(c)) return { [c.kind]: true };
  if (isDid(c)) return didOf(c);
  if (c.kind === "in") return c.name ? { [`in_${c.of}`]: c.name } : undefined;
  return c.countries.length > 0 ? { phone_in: c.countries } : undefined;
}

function didOf(c: DidCriterion): Condition | undefined {
  const messages = messagesOf(c.messages);
  const frequency = c.messages.mode === "none" ? {} : frequencyOf(c.frequency);
  const period = periodOf(c.period);
  return messages && frequency && period && { [c.kind]: { ...messages, ...frequency, ...period } };
}

// Each of these is undefined if something is missing.

function messagesOf(m: Messages): object | undefined {
  if (m.mode === "anything") return {};
  return m.names.length > 0 ? { messages: { [m.mode]: m.names } } : undefined;
}

function frequencyOf(f: Frequency): object | undefined {
  if (f.kind === "once") return {};
  return given(f.k) ? { [f.kind]: f.k } : undefined;
}

function periodOf(p: Period): object | undefined {
  switch (p.kind) {
    case "ever":
      return {};
    case "last_days":
      return given(p.n) ? { last_days: p.n } : undefined;
    case "days_ago":
      return given(p.n) && given(p.m) ? { days_ago: [p.n, p.m] } : undefined;
    case "between":
      return p.from && p.to ? { between: [p.from, p.to] } : undefined;
    default:
      return p.date ? { [p.kind]: p.date } : undefined;
  }
}

const given = (n: Count): boolean => n !== undefined;

/** partAt is the innermost part that a path of the JSON form leads into. */
export function partAt(places: Written["places"], path: string): number | undefined {
  const within = places.filter(([p]) => path === p || (path.startsWith(p) && ".[".includes(path[p.length]!)));
  return within.reduce<[string, number] | undefined>((best, one) => (best && best[0].length >= one[0].length ? best : one), undefined)?.[1];
}
