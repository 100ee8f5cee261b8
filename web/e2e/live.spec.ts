import { expect, signIn, test } from "./page.ts";
import { cut, define, newAccount, people, restart, sizeOf, write } from "./server.ts";

test("sizes move when records arrive, and go on after the server was away", async ({ page }) => {
  const account = await newAccount("live");
  const definition = "all contacts where opted in";
  await define(account, "in", definition, "Opted in");
  await signIn(page, account);
  const size = page.getByRole("row", { name: "Opted in" }).getByRole("cell").first();
  await expect(size).toHaveText("0");

  await write(account, people());
  await expect(size).toHaveText("8");
  expect(await sizeOf(account, definition)).toBe(8);
  await write(account, [{ topic: "sms.opted_out", contact: "c-0", value: { source: "STOP" } }]);
  await expect(size).toHaveText("7");
  const banner = page.getByRole("banner");
  await expect(banner).toContainText("Live");

  await cut();
  await expect(banner).toContainText(/as of \d\d:\d\d:\d\d, reconnecting/);
  await expect(size).toHaveText("7"); // the last that is known stays
  await restart();
  await expect(banner).toContainText("Live");
  await write(account, [{ topic: "sms.opted_out", contact: "c-3", value: { source: "STOP" } }]);
  await expect(size).toHaveText("6");
});
