// How numbers and times are written, in the reader's language.

const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

export const count = (n: number): string => whole.format(n);
export const compact = (n: number): string => short.format(n);

/** plural is a count with its word: 1 contact, 2 contacts. */
export const plural = (n: number, one: string, many = one + "s"): string => `${count(n)} ${n === 1 ? one : many}`;

/** share is a part of a whole in percent; a dash if there is no whole. */
export function share(part: number, of: number): string {
  if (of === 0) return "–";
  const percent = (100 * part) / of;
  if (percent > 0 && percent < 0.05) return "<0.1%";
  const rounded = percent > 0 && percent < 10 ? percent.toFixed(1) : percent.toFixed(0);
  return `${rounded}%`;
}

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

/** clock is the reader's time of day. */
export const clock = (rfc3339: string): string => time.format(new Date(rfc3339));

const dateAndTime = { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" } as const;

/** moment is a date and time in a time zone, which it names; the account's where it is about its days. */
export function moment(rfc3339: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(undefined, { ...dateAndTime, ...(timeZone ? { timeZone } : {}) }).format(new Date(rfc3339));
}

/** day is a calendar day, given as 2026-11-20. */
export function day(date: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(date.slice(0, 10) + "T00:00:00Z"));
}

/** dayOfYear is a calendar day without its year. */
export function dayOfYear(date: string): string {
  return new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" }).format(new Date(date.slice(0, 10) + "T00:00:00Z"));
}

/** dayIn is the calendar day of a moment in a time zone, as 2026-11-20. */
export function dayIn(timeZone: string, at = new Date()): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" }).format(at);
}
