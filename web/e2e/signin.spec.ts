import { expect, signIn, test } from "./page.ts";
import { api, newAccount } from "./server.ts";

test("a token opens its account, until one signs out", async ({ page }) => {
  await page.goto("/lists");
  await page.getByLabel("Token").fill("rollcall_wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("not known");

  const account = await newAccount("signin");
  await page.getByLabel("Token").fill(account.token);
  await page.getByLabel("Token").press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Lists" })).toBeVisible();
  await expect(page.getByRole("banner")).toContainText(account.id);
  await page.reload();
  await expect(page.getByRole("heading", { level: 1, name: "Lists" })).toBeVisible();

  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByLabel("Token")).toBeVisible();
  await page.reload();
  await expect(page.getByLabel("Token")).toBeVisible();
});

test("who may only read is offered no changes", async ({ page }) => {
  const account = await newAccount("reader");
  const { secret } = await api<{ secret: string }>(account.id, "POST", "/v1/tokens", { scope: "read" });
  await signIn(page, { token: secret });
  await expect(page.getByRole("heading", { level: 1, name: "Segments" })).toBeVisible();
  await expect(page.getByRole("link", { name: "New segment" })).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Operate" })).toHaveCount(0);
});
