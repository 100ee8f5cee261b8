import type { Page } from "@playwright/test";
import { accessible, expect, fits, loaded, signIn, test } from "./page.ts";
import { define, newAccount, people, sizeOf, write } from "./server.ts";

const { TOKEN = "" } = process.env;

const views = ["/segments", "/segments/in", "/segments/new", "/segments/us/edit", "/lists", "/report", "/operate", "/nowhere"];

/** everyView looks at all views, and whether they fit on a phone. */
async function everyView(page: Page, paths: string[]): Promise<void> {
  for (const path of paths) {
    await page.goto(path);
    await loaded(page);
    await accessible(page, path);
    await page.setViewportSize({ width: 360, height: 740 });
    await fits(page, `${path} on a phone`);
    await page.setViewportSize({ width: 1280, height: 860 });
  }
}

test("no view has a serious accessibility finding", async ({ page }) => {
  const account = await newAccount("views");
  await define(account, "in", "all contacts where opted in", "Opted in, 顧客, עברית");
  await define(account, "us", 'segment "in" where phone in US', "Opted in in the US");
  await write(account, people());
  await expect.poll(() => sizeOf(account, "all contacts")).toBe(24);
  await page.goto("/");
  await expect(page.getByLabel("Token")).toBeVisible();
  await accessible(page, "sign-in");
  await signIn(page, { token: TOKEN });
  await page.getByLabel("Account").selectOption(account.id);
  await expect(page.getByRole("row", { name: "Opted in in the US" })).toBeVisible();
  await everyView(page, views);
});

test("nor has one without anything to show", async ({ page }) => {
  await signIn(page, await newAccount("empty"));
  await everyView(page, ["/segments", "/lists", "/report"]);
});
