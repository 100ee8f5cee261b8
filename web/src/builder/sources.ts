// What the pickers of the builder offer.
import { get } from "../api/http.ts";
import type { List, ListKind, Message, Segment } from "../api/types.ts";
import { countryName, findCountries } from "../definition/countries.ts";
import type { Kind } from "../definition/model.ts";
import { count, day, plural } from "../parts/format.ts";
import type { Option, Search } from "../parts/options.ts";
import { sizes } from "../state/live.ts";

const most = 50; // options that are shown; more typing finds the others

const listKinds: Record<Exclude<Kind, "segment">, ListKind> = { list: "marketing", form: "form", webinar: "webinar" };

/** searchFor finds names of a kind; except is a segment that can't stand on itself. */
export function searchFor(kind: Kind, except = ""): Search {
  return kind === "segment" ? (q, signal) => segments(q, except, signal) : (q, signal) => lists(listKinds[kind], q, signal);
}

async function lists(kind: ListKind, q: string, signal: AbortSignal): Promise<Option[]> {
  const found = await get<List[]>("/v1/lists", { query: { kind, q: q.trim() }, signal });
  return found.slice(0, most).map((l) => ({ value: l.id, label: l.name, hint: plural(l.size, "contact") }));
}

async function segments(q: string, except: string, signal: AbortSignal): Promise<Option[]> {
  const wanted = q.trim().toLowerCase();
  const { segments } = await get<{ segments: Segment[] }>("/v1/segments", { signal });
  return segments
    .filter((s) => s.id !== except && `${s.id}\n${s.name}`.toLowerCase().includes(wanted))
    .slice(0, most)
    .map((s) => ({ value: s.id, label: s.name, hint: sizeHint(s) }));
}

function sizeHint(s: Segment): string {
  const size = sizes.peek().get(s.id)?.size ?? s.size;
  return size === undefined ? "" : count(size);
}

/** searchMessages finds messages by id or name, the newest first. */
export const searchMessages: Search = async (q, signal) => {
  const found = await get<Message[]>("/v1/messages", { query: { q: q.trim(), limit: most }, signal });
  return found.map((m) => ({ value: m.id, label: m.name || m.id, hint: m.first_sent ? `${day(m.first_sent)}, ${count(m.sent)} sent` : "not sent" }));
};

export const searchCountries: Search = async (q) => findCountries(q).slice(0, 300).map((c) => ({ value: c.code, label: c.name, hint: c.code }));

export const countryLabel = (code: string): string => `${countryName(code)} · ${code}`;
