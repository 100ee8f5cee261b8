import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Latest, type Outcome } from "./latest.ts";

test("only the last of several quick questions is asked", async () => {
  const asked: number[] = [];
  const settled = new Promise<Outcome<number>>((resolve) => {
    const latest = new Latest<number, number>(5, async (q) => (asked.push(q), q * 10), resolve);
    for (const q of [1, 2, 3]) latest.ask(q);
  });
  assert.deepEqual(await settled, { value: 30 });
  assert.deepEqual(asked, [3]);
});

test("an answer that was overtaken is not told, and its request given up", async () => {
  const answers = new Map<string, (answer: string) => void>();
  const given: string[] = [];
  const told: unknown[] = [];
  const latest = new Latest<string, string>(
    0,
    (q, signal) => {
      signal.addEventListener("abort", () => given.push(q));
      return new Promise((resolve) => answers.set(q, resolve));
    },
    (outcome) => told.push(outcome),
  );
  const asked = async (q: string) => {
    latest.ask(q);
    while (!answers.has(q)) await wait(1);
  };
  await asked("slow");
  await asked("quick");
  answers.get("quick")!("quick's");
  answers.get("slow")!("slow's");
  await wait(1);
  assert.deepEqual(told, [{ value: "quick's" }]);
  assert.deepEqual(given, ["slow"]);
});

test("failures are told, unless nobody waits any more", async () => {
  const settled = new Promise<Outcome<never>>((resolve) => {
    new Latest<null, never>(0, () => Promise.reject(new Error("no")), resolve).ask(null);
  });
  assert.equal(String((await settled as { error: unknown }).error), "Error: no");
  const told: unknown[] = [];
  const latest = new Latest<null, never>(0, () => Promise.reject(new Error("no")), (o) => told.push(o));
  latest.ask(null);
  latest.cancel();
  await wait(5);
  assert.deepEqual(told, []);
});
