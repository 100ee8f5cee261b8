import assert from "node:assert/strict";
import { test } from "node:test";
import { ticks } from "./ticks.ts";

test("ticks are round, whole, and cover the range", () => {
  assert.deepEqual(ticks(0, 100), [0, 50, 100]);
  assert.deepEqual(ticks(2601, 2784), [2600, 2650, 2700, 2750, 2800]);
  assert.deepEqual(ticks(-37, 52), [-50, 0, 50, 100]);
  assert.deepEqual(ticks(0, 0), [0, 1]);
  assert.deepEqual(ticks(7, 7), [7, 8]);
  assert.deepEqual(ticks(0, 3), [0, 1, 2, 3]);
});
