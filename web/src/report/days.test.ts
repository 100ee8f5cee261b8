import assert from "node:assert/strict";
import { test } from "node:test";
import { daysBefore, everyDay, type Day } from "./days.ts";

const on = (day: string, sent: number): Day => ({ day, sent, delivered: 0, clicked: 0, replied: 0, failed: 0, opted_out: 0, clicks: 0 });

test("days without anything are shown as such", () => {
  const got = everyDay("2024-02-27", "2024-03-02", [on("2024-03-01", 3), on("2024-02-28", 5)]);
  assert.deepEqual(
    got.map((d) => [d.day, d.sent]),
    [["2024-02-27", 0], ["2024-02-28", 5], ["2024-02-29", 0], ["2024-03-01", 3], ["2024-03-02", 0]],
  );
});

test("a long period is shown from the first to the last day that has something", () => {
  assert.deepEqual(
    everyDay("2020-01-01", "2026-01-01", [on("2025-12-30", 1), on("2025-12-28", 1)]).map((d) => d.day),
    ["2025-12-28", "2025-12-29", "2025-12-30"],
  );
  assert.equal(everyDay("2020-01-01", "2026-01-01", []).length, 1);
});

test("days before another", () => {
  assert.equal(daysBefore("2026-03-01", 1), "2026-02-28");
  assert.equal(daysBefore("2026-03-01", 0), "2026-03-01");
});
