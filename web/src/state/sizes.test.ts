import assert from "node:assert/strict";
import { test } from "node:test";
import { events, lines } from "../api/lines.ts";
import { reduce, type SizesEvent } from "./sizes.ts";

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

async function all<T>(from: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const one of from) out.push(one);
  return out;
}

const freshness = { fresh: true, as_of: "", position: "" };

test("a snapshot replaces what was, sizes and deletions change it", () => {
  const got = reduce(new Map([["old", { size: 1 }]]), [
    { name: "snapshot", data: { sizes: [{ segment: "a", size: 5, sendable: 4, entered_total: 9, exited_total: 4 }, { segment: "b", composed: { done: 1, of: 8 } }], freshness } },
    { name: "size", data: { segment: "c", size: 2, sendable: 2 } },
    { name: "deleted", data: { segment: "c" } },
    { name: "size", data: { segment: "b", size: 3, sendable: 1, entered_total: 3, exited_total: 0 } },
  ]);
  assert.deepEqual([...got], [
    ["a", { size: 5, sendable: 4, entered: 9, exited: 4 }],
    ["b", { size: 3, sendable: 1, entered: 3, exited: 0 }],
  ]);
});

test("a segment that is composed anew has no size meanwhile", () => {
  const event: SizesEvent = { name: "size", data: { segment: "a", composed: { done: 2, of: 8 } } };
  assert.deepEqual(reduce(new Map([["a", { size: 1 }]]), [event]).get("a"), { composed: { done: 2, of: 8 } });
});

test("lines are whole, however they were cut", async () => {
  assert.deepEqual(await all(lines(pieces("a\nb", "c\r\n\n", "d"))), ["a", "bc", "", "d"]);
  const euro = new TextEncoder().encode("€\n");
  async function* halves() {
    yield euro.slice(0, 1);
    yield euro.slice(1);
  }
  assert.deepEqual(await all(lines(halves())), ["€"]);
});

test("server-sent events", async () => {
  const got = await all(events(pieces("id: g.1\nevent: size\ndata: {", '"a":1}\n\n: keep-alive\n\nevent: deleted\ndata:x\ndata: y\n\n', "event: cut off\n")));
  assert.deepEqual(got, [
    { name: "size", id: "g.1", data: '{"a":1}' },
    { name: "", id: "g.1", data: "" },
    { name: "deleted", id: "g.1", data: "x\ny" },
  ]);
});
