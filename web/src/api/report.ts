// What the API answers about what came of messages, as far as the page reads it.
import type { Freshness } from "./types.ts";

/** Counts are of contacts, each once however often it clicked; clicks are all of them. */
export interface Counts {
  sent: number;
  delivered: number;
  clicked: number;
  replied: number;
  failed: number;
  opted_out: number;
  clicks: number;
}

export interface Report {
  from: string;
  to: string;
  message?: string;
  segment?: string;
  totals: Counts;
  messages: ({ message: string; name: string } & Counts)[] | null;
  days: ({ day: string } & Counts)[] | null;
  reasons: { reason: string; contacts: number }[] | null;
  freshness: Freshness;
}
