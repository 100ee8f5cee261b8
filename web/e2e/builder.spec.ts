import type { Page } from "@playwright/test";
import { expect, signIn, test } from "./page.ts";
import { api, newAccount, people, sizeOf, write, type Account } from "./server.ts";

const engaged = "all contacts where opted in and phone in US and clicked in last 30 days";
const unknown = "all contacts where not opted in and not opted out";

/** world is an account with people, in whose page the browser is signed in. */
async function world(page: Page): Promise<Account> {
  const account = await newAccount("builder");
  await write(account, people());
  await expect.poll(() => sizeOf(account, engaged)).toBe(2);
  await expect.poll(() => sizeOf(account, unknown)).toBe(8);
  await signIn(page, account);
  return account;
}

async function add(page: Page, criterion: string): Promise<void> {
  await page.getByRole("button", { name: "Add a condition" }).click();
  await page.getByRole("button", { name: criterion, exact: true }).click();
}

/** expectCount wants the page to have counted as many as the API. */
async function expectCount(page: Page, account: Account, text: string): Promise<void> {
  await expect(page.getByLabel("The same as text")).toHaveValue(text);
  await expect(page.getByLabel("What it matches now").locator(".total")).toContainText(`${await sizeOf(account, text)}contact`);
}

/** save stores the segment, and wants the page and the API to say the same of it. */
async function save(page: Page, account: Account, id: string, text: string, button = "Save segment"): Promise<void> {
  await page.getByRole("button", { name: button }).click();
  await expect(page).toHaveURL(new RegExp(`/segments/${id}$`));
  const stored = await api<{ text: string; size: number; sendable: number }>(account.id, "GET", `/v1/segments/${id}`);
  expect(stored.text).toBe(text);
  const shown = (term: string) => page.locator("dl div", { has: page.getByText(term, { exact: true }) }).locator("dd");
  await expect(shown("Members")).toHaveText(`${stored.size}`);
  await expect(shown("Sendable now")).toHaveText(`${stored.sendable}`);
}

test("two segments are built by clicking, and one of them is edited as text", async ({ page }) => {
  const account = await world(page);

  await page.getByRole("link", { name: "New segment" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Engaged");
  await add(page, "Is opted in");
  await add(page, "Phone number is in a country");
  await page.getByRole("combobox", { name: "Countries" }).fill("united st");
  await page.getByRole("option", { name: /^United States ?US$/ }).click();
  await add(page, "Clicked on an SMS");
  const clicked = page.getByRole("group", { name: "Clicked on an SMS" });
  await clicked.getByLabel("When").selectOption("in the last");
  await clicked.getByLabel("Number of days").fill("30");
  await expectCount(page, account, engaged);
  await save(page, account, "engaged", engaged);

  await page.getByRole("link", { name: "Segments", exact: true }).click();
  await page.getByRole("link", { name: "New segment" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Opportunities");
  await add(page, "Is opted in");
  await page.getByRole("group", { name: "Is opted in" }).getByLabel("Is it so, or not").selectOption("Is not opted in");
  await add(page, "Is opted out");
  await page.getByRole("group", { name: "Is opted out" }).getByLabel("Is it so, or not").selectOption("Is not opted out");
  await expectCount(page, account, unknown);
  await save(page, account, "opportunities", unknown);

  await page.getByRole("link", { name: "Edit" }).click();
  const text = page.getByLabel("The same as text");
  await text.fill("all contacts where not opted up");
  await expect(page.getByRole("alert")).toContainText("Line 1, column 30");
  await expect(page.getByRole("button", { name: "Save changes" })).toHaveAttribute("aria-disabled", "true");
  const edited = "all contacts where phone in US, CA and (opted in or clicked in last 7 days)";
  await text.fill(edited);
  await expect(page.getByRole("group", { name: "Phone number is in a country" })).toContainText("Canada");
  await expect(page.getByRole("group", { name: "Contacts who match any of these" })).toBeVisible();
  await expectCount(page, account, edited);
  await save(page, account, "opportunities", edited, "Save changes");
});
