// What the API answers about what came of messages, as far as the page reads it.
import type { Freshness, Warning } from "./types.ts";

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
  messages: ({ message: string; name: string } & Counts)[];
  days: ({ day: string } & Counts)[]; // those on which something was sent
  reasons: { reason: string; contacts: number }[];
  warnings?: Warning[];
  freshness: Freshness;
}
