import { accessible, download, expect, signIn, test } from "./page.ts";
import { define, newAccount, people, sizeOf, write } from "./server.ts";

test("a segment is explained, saved as a file and deleted", async ({ page }) => {
  const account = await newAccount("segment");
  const definition = "all contacts where opted in and valid phone";
  await define(account, "ready", definition, "Ready to be sent to");
  await define(account, "near", 'segment "ready" where phone in US', "Near");
  await write(account, people());
  const ready = ["c-0", "c-12", "c-15", "c-18", "c-3", "c-6", "c-9"];
  await expect.poll(() => sizeOf(account, definition)).toBe(ready.length);
  await signIn(page, account);
  await page.getByRole("link", { name: "Ready to be sent to" }).click();

  const why = page.getByRole("region", { name: "Why is somebody in it, or not?" });
  for (const [contact, answer] of [
    ["c-3", "is a member and can be sent to"],
    ["c-1", "is not a member, and can't be sent to: it is not a member, it is opted out"],
    ["nobody", "There is no contact nobody"],
  ] as const) {
    await why.getByLabel("Id of a contact").fill(contact);
    await why.getByRole("button", { name: "Explain" }).click();
    await expect(why.getByRole("status")).toContainText(answer);
  }

  expect(await download(page, "Download the recipients as of now as CSV")).toEqual(ready);
  await accessible(page, "a segment with an explanation");

  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("link", { name: "near" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Near" })).toBeVisible();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("link", { name: "Ready to be sent to" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Near" })).toHaveCount(0);
});
