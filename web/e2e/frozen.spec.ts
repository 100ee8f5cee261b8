import { accessible, download, expect, signIn, test } from "./page.ts";
import { define, newAccount, people, sizeOf, write } from "./server.ts";

test("a frozen list stays as it is, but for who can't be sent to any more", async ({ page }) => {
  const account = await newAccount("frozen");
  const definition = "all contacts where opted in and valid phone";
  await define(account, "ready", definition, "Ready to be sent to");
  await write(account, people());
  const ready = ["c-0", "c-12", "c-15", "c-18", "c-3", "c-6", "c-9"];
  await expect.poll(() => sizeOf(account, definition)).toBe(ready.length);
  await signIn(page, account);
  await page.getByRole("link", { name: "Ready to be sent to" }).click();
  await page.getByRole("button", { name: "Freeze the list" }).click();
  const dialog = page.getByRole("dialog", { name: "Freeze 7 recipients" });
  await accessible(page, "freezing a list");
  await dialog.getByLabel("Name").fill("Spring");
  await dialog.getByRole("button", { name: "Freeze" }).click();
  const frozen = page.getByRole("row", { name: "Spring" });
  await expect(frozen.getByRole("cell").nth(1)).toHaveText("7");
  await write(account, [{ topic: "sms.opted_out", contact: "c-9", value: { source: "STOP" } }]);
  await expect.poll(() => sizeOf(account, definition)).toBe(6);
  expect(await download(page, "Download Spring as CSV")).toEqual(ready.filter((c) => c !== "c-9"));
  await expect(frozen.getByRole("status")).toHaveText("Saved 6 contacts; left out since: 1 opted out.");
  await accessible(page, "a segment with a frozen list");
});
