import type { Counts } from "../api/report.ts";

const none: Counts = { sent: 0, delivered: 0, clicked: 0, replied: 0, failed: 0, opted_out: 0, clicks: 0 };
const dayLength = 24 * 3600 * 1000;
const most = 366; // days that a plot shows one by one

export type Day = { day: string } & Counts;

/**
 * everyDay puts days on which nothing happened between the others, so that a
 * plot shows them. Of a period of more than a year it leaves out the empty ends.
 */
export function everyDay(from: string, to: string, days: Day[]): Day[] {
  const at = new Map(days.map((d) => [d.day, d]));
  const long = number(to) - number(from) >= most;
  const known = [...at.keys()].sort();
  const first = number(long ? (known[0] ?? to) : from);
  const last = number(long ? (known.at(-1) ?? to) : to);
  const all: Day[] = [];
  for (let n = first; n <= last; n++) {
    const day = text(n);
    all.push(at.get(day) ?? { day, ...none });
  }
  return all;
}

/** daysBefore is a day so many days before another. */
export const daysBefore = (day: string, n: number): string => text(number(day) - n);

const text = (n: number): string => new Date(n * dayLength).toISOString().slice(0, 10);
const number = (day: string): number => Math.floor(Date.parse(day.slice(0, 10) + "T00:00:00Z") / dayLength);
