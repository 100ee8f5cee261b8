import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Problem } from "../api/http.ts";
import type { Preview } from "../api/types.ts";
import { emptyForm, newCriterion } from "../definition/model.ts";
import { add } from "../definition/edit.ts";
import { Draft, type Body } from "./draft.ts";

const answer = (text: string, where?: object): Preview => ({
  size: 7, funnel: [], reach: { members: 7, valid_phone: 7, opted_in: 7, sendable: 7 }, sample: [], text,
  from: { all_contacts: true }, ...(where && { where: where as never }), warnings: [], freshness: { fresh: true, as_of: "", position: "" },
});

async function settled(d: Draft): Promise<void> {
  while (d.pending.value) await wait(5);
}

test("the text follows the form, and the form the text", async () => {
  const asked: Body[] = [];
  const draft = new Draft(emptyForm(), async (body) => {
    asked.push(body);
    return "text" in body ? answer("normalised", { not: { clicked: {} } }) : answer("all contacts where opted in");
  });
  const form = draft.form.value;
  draft.setForm({ ...form, root: add(form.root, form.root.id, newCriterion("opted_in")) });
  await settled(draft);
  assert.deepEqual(asked, [{ from: { all_contacts: true }, where: { all: [{ opted_in: true }] } }]);
  assert.equal(draft.text.value, "all contacts where opted in");

  draft.setText("ALL contacts where not  clicked");
  await settled(draft);
  assert.equal(draft.text.value, "ALL contacts where not  clicked", "nobody's text changes while it is written");
  const part = draft.form.value.root.parts[0]!;
  assert.ok(part.kind === "clicked" && part.negated);
});

test("a mistake in the text leaves the form and the last count as they were", async () => {
  const draft = new Draft(emptyForm(), async (body) => {
    if ("text" in body) throw new Problem({ type: "/problems/invalid-definition", title: "", status: 422, at: { line: 1, column: 3 } });
    return answer("all contacts");
  });
  await settled(draft);
  const form = draft.form.value;
  draft.setText("al");
  await settled(draft);
  assert.equal(draft.problem.value?.body.at?.column, 3);
  assert.equal(draft.form.value, form);
  assert.equal(draft.preview.value?.size, 7);
  draft.setForm(form);
  await settled(draft);
  assert.equal(draft.text.value, "all contacts");
  assert.equal(draft.problem.value, undefined);
});

test("a mistake in the form is shown at its part", async () => {
  const criterion = newCriterion("in_segment");
  const form = emptyForm();
  const draft = new Draft({ ...form, root: add(form.root, form.root.id, { ...criterion, name: "x" } as typeof criterion) }, async () => {
    throw new Problem({ type: "", title: "", status: 422, at: { path: "where.all[0].in_segment" } });
  });
  await settled(draft);
  assert.equal(draft.wrong.value, criterion.id);
});
