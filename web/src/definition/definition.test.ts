import assert from "node:assert/strict";
import { test } from "node:test";
import type { Condition, Origin } from "../api/types.ts";
import { add, all, move, remove, replace } from "./edit.ts";
import { read } from "./fromjson.ts";
import { emptyForm, newCriterion, newGroup, type Criterion, type Group } from "./model.ts";
import { extent } from "./mistake.ts";
import { slug } from "./slug.ts";
import { originId, partAt, write } from "./tojson.ts";

const origins: Origin[] = [{ all_contacts: true }, { list: "spring-sale" }, { form: "f" }, { webinar: "w" }, { segment: "engaged" }];

const conditions: (Condition | undefined)[] = [
  undefined,
  { opted_in: true },
  { not: { opted_in: true } },
  { phone_in: ["US", "CA"] },
  { in_list: "été" },
  { not: { in_segment: "engaged" } },
  { clicked: {} },
  { clicked: { messages: { any: ["m-8", "m-9"] }, at_least: 3, last_days: 30 } },
  { sent: { messages: { none: ["m"] }, days_ago: [30, 60] } },
  { failed: { messages: { all: ["a", "b"] }, at_most: 2, on: "2026-01-01" } },
  { replied: { exactly: 1, between: ["2026-01-01", "2026-02-01"] } },
  { replied: { at_least_days: 3, since: "2026-01-01" } },
  { sent: { before: "2026-01-01" } },
  { all: [{ opted_in: true }, { phone_in: ["US"] }, { not: { sent: { last_days: 7 } } }] },
  { any: [{ opted_out: true }, { not: { valid_phone: true } }] },
  { not: { any: [{ opted_in: true }, { opted_out: true }] } },
  { not: { all: [{ opted_in: true }, { clicked: {} }] } },
  { all: [{ any: [{ clicked: {} }, { all: [{ replied: {} }, { not: { any: [{ failed: {} }, { opted_out: true }] } }] }] }, { valid_phone: true }] },
];

// A group of one is what the form has around a single criterion; the server unwraps it.
function unwrapped(c: Condition | undefined): Condition | undefined {
  const only = (c?.["all"] ?? []) as Condition[];
  return only.length === 1 ? only[0] : c;
}

test("every definition survives the form", () => {
  for (const from of origins) {
    for (const where of conditions) {
      const written = write(read(from, where));
      assert.deepEqual(written.from, from);
      assert.deepEqual(unwrapped(written.where), where);
      assert.equal(written.incomplete.size, 0);
    }
  }
});

test("parts that lack something are left out and named", () => {
  const phone = newCriterion("phone_in");
  const list = newCriterion("in_list");
  const sent = { ...newCriterion("sent"), period: { kind: "last_days", n: undefined } } as Criterion;
  const root = newGroup("all", [phone, newCriterion("opted_in"), newGroup("any", [list, sent])]);
  const written = write({ from: { kind: "list", name: "" }, root });
  assert.deepEqual(written.where, { all: [{ opted_in: true }] });
  assert.deepEqual([...written.incomplete].sort(), [originId, phone.id, list.id, sent.id].sort());
  assert.equal(write(emptyForm()).where, undefined);
});

test("a path of the JSON form leads to the part that is wrong", () => {
  const left = newCriterion("in_list"); // incomplete, so what follows moves up
  const clicked = newCriterion("clicked");
  const inner = newGroup("none", [clicked]);
  const root = newGroup("all", [left, newCriterion("opted_in"), inner]);
  const { where, places } = write({ from: { kind: "all_contacts", name: "" }, root });
  assert.deepEqual(where, { all: [{ opted_in: true }, { not: { any: [{ clicked: { last_days: 30 } }] } }] });
  assert.equal(partAt(places, "where.all[1].not.any[0].clicked.last_days"), clicked.id);
  assert.equal(partAt(places, "where.all[1].not"), inner.id);
  assert.equal(partAt(places, "where.all[10]"), root.id);
  assert.equal(partAt(places, "from.segment"), originId);
  assert.equal(partAt(places, ""), undefined);
});

test("editing", () => {
  const [a, b] = [newCriterion("opted_in"), newCriterion("clicked")];
  const inner = newGroup("any", [a, b]);
  const root = newGroup("all", [inner]);
  const ids = (g: Group) => all(g).map((p) => p.id);
  assert.deepEqual(ids(remove(root, a.id)), [inner.id, b.id]);
  assert.deepEqual(ids(move(root, b.id, -1)), [inner.id, b.id, a.id]);
  assert.deepEqual(ids(move(root, b.id, 1)), [inner.id, a.id, b.id]);
  const c = newCriterion("sent");
  assert.deepEqual(ids(add(root, inner.id, c)), [inner.id, a.id, b.id, c.id]);
  assert.equal(all(replace(root, { ...a, negated: true } as Criterion)).some((p) => p.kind === "opted_in" && p.negated), true);
  assert.equal(replace(root, { ...root, match: "none" }).match, "none");
  assert.deepEqual(ids(root), [inner.id, a.id, b.id], "the group that was changed is as it was");
});

test("ids from names", () => {
  assert.equal(slug("Engaged SMS recipients!", []), "engaged-sms-recipients");
  assert.equal(slug("Été à Genève", []), "ete-a-geneve");
  assert.equal(slug("engaged", ["engaged", "engaged-2"]), "engaged-3");
  assert.equal(slug("春のセール", []), "segment");
  assert.equal(slug("x".repeat(100), ["x".repeat(64)]), "x".repeat(62) + "-2");
});

test("the extent of a mistake", () => {
  assert.deepEqual(extent("list \"é\" where clickd", { offset: 16, found: '"clickd"' }), { from: 15, to: 21 });
  assert.deepEqual(extent("all contacts where", { offset: 18, found: "the end" }), { from: 18, to: 18 });
  assert.deepEqual(extent("a b", { offset: 2, found: '"a long one…"' }), { from: 2, to: 2 });
});
