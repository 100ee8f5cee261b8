import type { Locator, Page } from "@playwright/test";
import { expect, signIn, test } from "./page.ts";
import { api, newAccount } from "./server.ts";

/** tabTo goes to an element as somebody without a mouse would. */
async function tabTo(page: Page, to: Locator): Promise<void> {
  await expect(to).toBeVisible();
  for (let steps = 0; !(await to.evaluate((e) => e === document.activeElement)); steps++) {
    expect(steps, `steps to ${to}`).toBeLessThan(40);
    await page.keyboard.press("Tab");
  }
}

test("a segment is built with the keyboard alone", async ({ page }) => {
  const account = await newAccount("keyboard");
  await signIn(page, account);
  await tabTo(page, page.getByRole("link", { name: "New segment" }));
  await page.keyboard.press("Enter");
  await tabTo(page, page.getByLabel("Name", { exact: true }));
  await page.keyboard.type("Nearby");
  await tabTo(page, page.getByRole("button", { name: "Add a condition" }));
  await page.keyboard.press("Enter");
  await tabTo(page, page.getByRole("button", { name: "Phone number is in a country" }));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("combobox", { name: "Countries" })).toBeFocused();
  await page.keyboard.type("german");
  await expect(page.getByRole("option", { name: /^Germany/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("The same as text")).toHaveValue("all contacts where phone in DE");
  await tabTo(page, page.getByRole("button", { name: "Save segment" }));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Nearby" })).toBeVisible();
  expect((await api<{ text: string }>(account.id, "GET", "/v1/segments/nearby")).text).toBe("all contacts where phone in DE");
});
