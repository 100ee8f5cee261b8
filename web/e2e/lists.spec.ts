import { expect, loaded, signIn, test } from "./page.ts";
import { api, newAccount, people, sizeOf, write } from "./server.ts";

interface List {
  kind: string;
  id: string;
  name: string;
  size: number;
}

test("lists are shown with their names and sizes, and a segment is begun with one", async ({ page }) => {
  const account = await newAccount("lists");
  await write(account, people());
  await expect.poll(() => sizeOf(account, "all contacts")).toBe(24);
  await expect.poll(() => sizeOf(account, 'list "spring"')).toBe(6);
  const lists = await api<List[]>(account.id, "GET", "/v1/lists");
  expect(lists).toEqual([
    { kind: "marketing", id: "spring", name: "Spring sale", size: 6 },
    { kind: "webinar", id: "intro", name: "Введение", size: 2 },
    { kind: "form", id: "kontakt", name: "نموذج الاتصال", size: 3 },
  ]);

  await signIn(page, account);
  await page.getByRole("link", { name: "Lists" }).click();
  await loaded(page);
  const rows = page.getByRole("table", { name: "Lists with their sizes" }).locator("tbody tr");
  await expect(rows).toHaveCount(lists.length);
  for (const [i, l] of lists.entries()) {
    await expect(rows.nth(i).getByRole("rowheader")).toHaveText(`${l.name}${l.id}`);
    await expect(rows.nth(i).getByRole("cell").nth(1)).toHaveText(`${l.size}`);
  }

  await page.getByRole("link", { name: "New segment of Spring sale" }).click();
  await expect(page.getByLabel("The same as text")).toHaveValue('list "spring"');
  await expect(page.getByLabel("What it matches now").locator(".total")).toContainText("6contacts");
});
