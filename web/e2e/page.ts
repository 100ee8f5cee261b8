import { readFile } from "node:fs/promises";
import { test as base, expect, type Page } from "@playwright/test";
import axe from "axe-core";
import type { Account } from "./server.ts";

export { expect };

/** test fails if the page logs an error, such as of what its policy forbids. */
export const test = base.extend<{ complaints: string[] }>({
  complaints: [
    async ({ page }, use) => {
      const complaints: string[] = [];
      page.on("pageerror", (e) => complaints.push(e.message));
      page.on("console", (m) => {
        // A refused request is told on the page.
        if (m.type() === "error" && !m.text().startsWith("Failed to load resource")) complaints.push(m.text());
      });
      await use(complaints);
      expect(complaints, "what the browser complained of").toEqual([]);
    },
    { auto: true },
  ],
});

/** signIn has the browser show an account's segments. */
export async function signIn(page: Page, { token }: Pick<Account, "token">): Promise<void> {
  await page.goto("/");
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
}

/** loaded waits until a view has what it shows. */
export async function loaded(page: Page): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expect(page.getByText("Loading…")).toHaveCount(0);
}

/** accessible has axe-core look at the page, in light and dark. Its lesser findings are told, and fail nothing. */
export async function accessible(page: Page, what: string): Promise<void> {
  await page.evaluate(axe.source);
  await page.emulateMedia({ colorScheme: "light" });
  await look(page, `${what}, light`, {});
  await page.emulateMedia({ colorScheme: "dark" });
  await look(page, `${what}, dark`, { runOnly: "color-contrast" }); // nothing else depends on it
}

async function look(page: Page, what: string, options: axe.RunOptions): Promise<void> {
  const { violations } = await page.evaluate((o) => (window as unknown as { axe: typeof axe }).axe.run(o), { ...options, resultTypes: ["violations" as const] });
  const found = violations.map((v) => `${v.impact}: ${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(" | ")}`);
  for (const v of found) if (!/^(serious|critical)/.test(v)) console.log(`${what}: ${v}`);
  expect(found.filter((v) => /^(serious|critical)/.test(v)), what).toEqual([]);
}

/** fits tells whether the page is no wider than the window. */
export async function fits(page: Page, what: string): Promise<void> {
  // Plots are drawn anew a frame after the width has changed.
  const beyond = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await expect.poll(beyond, what).toBeLessThanOrEqual(0);
}

/** download presses a button and reads the contacts of the file that comes of it. */
export async function download(page: Page, button: string): Promise<string[]> {
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: button }).click();
  const [heading, ...contacts] = (await readFile(await (await saved).path(), "utf8")).trim().split("\r\n");
  expect(heading).toBe("contact");
  return contacts.sort();
}
