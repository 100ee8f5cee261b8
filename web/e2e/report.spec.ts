import type { Page } from "@playwright/test";
import { accessible, expect, loaded, signIn, test } from "./page.ts";
import { api, daysAgo, define, newAccount, people, sizeOf, write, type Account } from "./server.ts";

interface Counts {
  sent: number;
  delivered: number;
  clicked: number;
  replied: number;
  failed: number;
  opted_out: number;
  clicks: number;
}

interface Report {
  totals: Counts;
  messages: ({ message: string; name: string } & Counts)[];
  reasons: { reason: string; contacts: number }[];
}

const reportOf = (account: Account, query: string): Promise<Report> => api<Report>(account.id, "GET", `/v1/reports/sms?${query}`);

/** expectShown wants the page to show the numbers that the API has. */
async function expectShown(page: Page, { totals: t, messages, reasons }: Report): Promise<void> {
  const totals = page.getByRole("region", { name: "From sent to clicked" });
  for (const [name, n] of [["Sent", t.sent], ["Delivered", t.delivered], ["Clicked", t.clicked]] as const) {
    await expect(totals.getByRole("row", { name: new RegExp(`^${name}`) }).getByRole("cell").first()).toHaveText(`${n}`);
  }
  for (const [name, n] of [["Replied", t.replied], ["Failed", t.failed], ["Opted out", t.opted_out], ["Clicks in all", t.clicks]] as const) {
    await expect(totals.locator("dl div", { has: page.getByText(name, { exact: true }) }).locator("dd").first()).toHaveText(`${n}`);
  }
  const rows = page.getByRole("region", { name: "Messages" }).locator("tbody tr");
  await expect(rows).toHaveCount(messages.length);
  for (const [i, m] of messages.entries()) {
    await expect(rows.nth(i).getByRole("link")).toHaveText(m.name);
    for (const [cell, n] of [m.sent, m.delivered, m.clicked, m.replied, m.failed, m.opted_out].entries()) {
      // A share may stand behind the number.
      await expect.poll(() => rows.nth(i).getByRole("cell").nth(cell).evaluate((e) => e.firstChild?.textContent)).toBe(`${n}`);
    }
  }
  for (const r of reasons) {
    await expect(page.getByRole("region", { name: "Why sending failed" }).getByRole("row", { name: r.reason || "no reason given" }).getByRole("cell").first()).toHaveText(`${r.contacts}`);
  }
}

test("a report shows what the API counts, of all messages, of one and of a segment", async ({ page }) => {
  const account = await newAccount("report");
  await define(account, "in", "all contacts where opted in", "Opted in");
  await write(account, people());
  await write(account, [{ topic: "sms.failed", contact: "c-0", value: { id: "f-0", message: "m-2" } }]);
  await expect.poll(async () => (await reportOf(account, "")).totals.failed).toBe(5);
  expect(await sizeOf(account, 'segment "in"')).toBe(8);

  const month = await reportOf(account, "");
  expect(month.totals).toEqual({ sent: 24, delivered: 19, clicked: 12, replied: 0, failed: 5, opted_out: 0, clicks: 12 });
  expect(month.reasons).toEqual([{ reason: "unknown subscriber", contacts: 4 }, { reason: "", contacts: 1 }]);
  await signIn(page, account);
  await page.getByRole("link", { name: "Report" }).click();
  await expectShown(page, month);
  await accessible(page, "a report");

  await page.getByRole("button", { name: "90 days" }).click();
  await expect(page.getByRole("row", { name: "Frühlingsangebote" })).toBeVisible();
  const quarter = await reportOf(account, `from=${daysAgo(89).slice(0, 10)}`);
  expect(quarter.messages.map((m) => [m.message, m.name, m.sent, m.opted_out])).toEqual([["m-1", "Frühlingsangebote", 24, 8], ["m-2", "夏のセール", 24, 0]]);
  await expectShown(page, quarter);

  await page.getByRole("combobox", { name: "Segment" }).fill("opted");
  await page.getByRole("option", { name: "Opted in" }).click();
  await page.getByRole("link", { name: "夏のセール" }).click();
  await expect(page).toHaveURL(/message=m-2/);
  await expect(page.getByRole("row", { name: "Frühlingsangebote" })).toHaveCount(0);
  const one = await reportOf(account, `from=${daysAgo(89).slice(0, 10)}&segment=in&message=m-2`);
  expect(one.totals.sent).toBe(8);
  await expectShown(page, one);
});

test("a report of what was not sent says so", async ({ page }) => {
  const account = await newAccount("report");
  await write(account, people());
  await expect.poll(async () => (await reportOf(account, "")).totals.sent).toBe(24);
  await signIn(page, account);
  await page.goto("/report?message=m-3");
  await loaded(page);
  await expect(page.getByText("Nothing was sent in this time")).toBeVisible();
  await expect(page.getByText("no record has mentioned the message")).toBeVisible();
});
