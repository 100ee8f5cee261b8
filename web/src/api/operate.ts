// What the API answers to operators, as far as the page reads it.
import type { Freshness } from "./types.ts";

export interface PartitionStatus {
  partition: number;
  owner?: string;
  fresh: boolean;
  lag: Record<string, number>; // records not yet applied, by topic
  position: string;
}

export interface Loss {
  topic: string;
  partition: number;
  from: number;
  to: number;
}

export interface Status {
  version: string;
  freshness: Freshness;
  partitions: PartitionStatus[];
  outcomes: Record<string, number>;
  dead_letters: Record<string, number>;
  ignored?: Record<string, number>;
  data_lost: boolean;
  losses?: Loss[];
  data_lost_reasons?: string[];
}

export interface DeadLetter {
  id: string;
  reason: string;
  topic: string;
  partition: number;
  offset: number;
  time: string;
  account?: string;
  failed: string;
  bytes: number;
}

export interface LetterPage {
  dead_letters: DeadLetter[];
  next?: string;
  count: number;
  reasons: Record<string, number>;
  older?: boolean;
}

/** Content is bytes as JSON can show them: as text, or else as base64. */
export interface Content {
  text?: string;
  base64?: string;
  bytes: number;
  truncated?: boolean;
}

export interface LetterDetail extends DeadLetter {
  key?: Content;
  value?: Content;
  headers: ({ name: string } & Content)[];
}

export interface Retried {
  retried: number;
  missing: number;
  too_large: number;
  next?: string;
}

export interface Replay {
  id: string;
  state: "running" | "done" | "cancelled" | "failed";
  failure?: string;
  topics: { name: string; as?: string }[];
  from: string;
  to: string;
  created_at: string;
  ended_at?: string;
  progress: { topic: string; partition: number; from: number; next: number; end: number }[] | null;
  report: { read: number; applied: number; repeated: number; forwarded: number; dead_lettered: number; left_out: number };
}

export interface Rebuild {
  id: string;
  take_over: boolean;
  started_at: string;
  state?: "running" | "done" | "cancelled" | "superseded";
  differences: number;
  partitions?: { partition: number; state: string; reason?: string; offsets: number; of: number; differences: number }[];
}
