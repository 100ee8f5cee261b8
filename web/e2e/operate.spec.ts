import type { Page, Route } from "@playwright/test";
import { accessible, expect, signIn, test } from "./page.ts";
import { api, newAccount, people, sizeOf, write } from "./server.ts";

const { TOKEN = "" } = process.env;

const section = (page: Page, name: string) => page.getByRole("region", { name, exact: true });

test("an operator sees what could not be read, and has it read once more", async ({ page }) => {
  const account = await newAccount("operate");
  await write(account, [{ topic: "sms.clicked", contact: "c-1", value: { id: "future", message: "m-1", at: "2099-01-01T00:00:00Z" } }]);
  await signIn(page, { token: TOKEN });
  await page.getByRole("link", { name: "Operate" }).click();
  const letters = section(page, "Dead letters");
  const letter = letters.getByRole("listitem").filter({ hasText: account.id });
  await expect(letter).toContainText("impossible-time");
  await letters.getByLabel("Reason").selectOption("impossible-time");
  await letter.locator("summary").click();
  await expect(letter.getByLabel("Value")).toContainText('"at":"2099-01-01T00:00:00Z"');
  await letter.getByRole("button", { name: "Retry" }).click();
  await expect(letters.getByRole("status").filter({ hasText: "1 record to be read once more" })).toBeVisible();
  await expect(letter).toContainText("impossible-time"); // it can't be mended
  await expect(section(page, "Partitions").getByRole("row")).toHaveCount(1 + 8);
  await accessible(page, "with a dead letter");
});

test("an operator follows a replay and a rebuild", async ({ page }) => {
  const account = await newAccount("replay");
  await write(account, people());
  await expect.poll(() => sizeOf(account, "all contacts")).toBe(24);
  await signIn(page, { token: TOKEN });
  await page.goto("/operate");
  await api("", "POST", "/v1/replays", { topics: [{ name: "sms.sent" }], from: "2000-01-01T00:00:00Z" });
  await expect(section(page, "Replays").getByRole("listitem").first()).toContainText("done");
  await api("", "POST", "/v1/rebuilds", { take_over: false });
  const rebuild = section(page, "Rebuilds").getByRole("listitem").first();
  await expect(rebuild).toContainText("done");
  await expect(rebuild).toContainText("8 of 8 partitions done, 0 memberships differ");
});

test("lost data is said loudly, with the command that accepts the loss", async ({ page }) => {
  await page.route("**/v1/status", async (route: Route) => {
    const response = await route.fetch();
    const lost = { topic: "sms.sent", partition: 3, from: 1200, to: 1500 };
    const status = { ...(await response.json()), data_lost: true, losses: [lost], data_lost_reasons: ["sms.sent/3: offsets from 1200 on are needed, the log begins at 1500"] };
    await route.fulfill({ response, json: status });
  });
  await signIn(page, { token: TOKEN });
  await page.goto("/operate");
  await expect(page.getByRole("alert")).toContainText("Data lost");
  await expect(page.getByRole("alert")).toContainText("rollcall loss accept sms.sent 3 --from 1200 --to 1500");
  await accessible(page, "with lost data");
});
