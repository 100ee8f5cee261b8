// What the API answers, as far as the page reads it.

export interface Freshness {
  fresh: boolean;
  as_of: string;
  position: string;
  missing?: string[];
}

export type Origin = {
  all_contacts?: true;
  list?: string;
  form?: string;
  webinar?: string;
  segment?: string;
};

/** A condition's JSON form: an object with a single key. */
export type Condition = { [key: string]: unknown };

export interface Composed {
  done: number;
  of: number;
}

export interface Warning {
  kind: "list" | "form" | "webinar" | "message";
  name: string;
  nearest?: string;
  message: string;
}

export interface Segment {
  id: string;
  name: string;
  text: string;
  from: Origin;
  where?: Condition;
  version: number;
  updated_at: string;
  size?: number;
  sendable?: number;
  composed?: Composed;
  dependants?: string[];
  warnings?: Warning[];
  freshness: Freshness;
}

export interface Reach {
  members: number;
  valid_phone: number;
  opted_in: number;
  sendable: number;
}

export interface Preview {
  size: number;
  funnel: { condition: string; size: number }[];
  reach: Reach;
  sample: string[];
  text: string;
  from: Origin;
  where?: Condition;
  warnings: Warning[];
  overlap?: { segment: string; both: number; only_this: number; only_other: number };
  freshness: Freshness;
}

export interface Session {
  account: string;
  timezone: string;
  retention_days: number;
  default_region?: string;
  scope: "read" | "write";
  operator: boolean;
  tokenless: boolean;
  accounts?: string[];
}

export type ListKind = "marketing" | "form" | "webinar";

export interface List {
  kind: ListKind;
  id: string;
  name: string;
  size: number;
}

export interface Message {
  id: string;
  name: string;
  first_sent?: string; // absent: not on a kept day
  sent: number;
}

export interface HistoryPoint {
  at: string;
  size: number;
  sendable: number;
  entered: number;
  exited: number;
}

export interface History {
  segment: string;
  step: string;
  points: HistoryPoint[];
  freshness: Freshness;
}

export interface ExplainNode {
  condition: string;
  holds: boolean;
  lapses?: string;
  begins?: string;
  detail?: string;
  parts?: ExplainNode[];
}

export interface Explanation {
  contact: string;
  segment: string;
  known: boolean;
  member: boolean;
  sendable: boolean;
  blocked: string[];
  lapses?: string;
  begins?: string;
  origin: ExplainNode;
  where: ExplainNode | null;
  freshness: Freshness;
}

export interface Snapshot {
  id: string;
  segment: string;
  name: string;
  definition: string;
  version: number;
  created_at: string;
  frozen?: number;
  state: "writing" | "ready" | "failed";
}

export interface Place {
  path?: string;
  offset?: number;
  line?: number;
  column?: number;
  expected?: string;
  found?: string;
  suggestion?: string;
}

/** An error as RFC 9457 writes it. */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail?: string;
  errors?: { message: string; location?: string }[];
  at?: Place;
  segments?: string[];
  composed?: Composed;
  freshness?: Freshness;
}
