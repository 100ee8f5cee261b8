// The server under test: what it is told, asked, and written to.

const { SERVER = "", CONTROL = "", TOKEN = "" } = process.env;

async function order(path: string, body?: unknown): Promise<void> {
  const response = await fetch(CONTROL + path, { method: "POST", body: JSON.stringify(body ?? null) });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
}

/** cut ends the server as a crash would. */
export const cut = (): Promise<void> => order("/cut");

/** restart has it come back at the same address, and waits until it is ready. */
export const restart = (): Promise<void> => order("/start");

/** Account is one of a test's own. */
export interface Account {
  id: string;
  token: string;
}

let made = 0;

export async function newAccount(name: string): Promise<Account> {
  const id = `${name}-${++made}-${process.pid}`;
  const { token } = await api<{ token: { secret: string } }>("", "POST", "/v1/accounts", { id, timezone: "America/New_York", default_region: "US" });
  return { id, token: token.secret };
}

/** api asks the server as the operator. */
export async function api<T>(account: string, method: string, path: string, json?: unknown): Promise<T> {
  const headers: Record<string, string> = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
  if (account) headers["Rollcall-Account"] = account;
  const response = await fetch(SERVER + path, { method, headers, ...(json === undefined ? {} : { body: JSON.stringify(json) }) });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

export async function define(account: Account, id: string, text: string, name = id): Promise<void> {
  await api(account.id, "PUT", `/v1/segments/${id}`, { text, name });
}

/** sizeOf is how many members a definition has, by the API. */
export async function sizeOf(account: Account, text: string): Promise<number> {
  return (await api<{ size: number }>(account.id, "POST", "/v1/preview", { text })).size;
}

export interface Fact {
  topic: string;
  contact: string;
  value: Record<string, unknown>;
}

/** write writes facts to Kafka, as producers would. */
export async function write(account: Account, facts: Fact[]): Promise<void> {
  await order(
    "/records",
    facts.map(({ topic, contact, value }) => ({ topic, key: `${account.id}/${contact}`, value: { account: account.id, contact, ...value } })),
  );
}

export const daysAgo = (days: number): string => new Date(Date.now() - days * 24 * 3600 * 1000).toISOString();

const phones = [..."US US US US US US US US US US CA CA CA CA CA DE DE DE DE DE".split(" ")];
const numbers: Record<string, string> = { US: "+12125550123", CA: "+14165550123", DE: "+4930123456" };

/**
 * people are 24 contacts: 10 in the US, 5 in Canada, 5 in Germany, 4 without a
 * phone; of each three one is opted in, one opted out, and of one nothing is
 * known. All were sent two messages, every second one clicked today, c-3 long ago.
 */
export function people(): Fact[] {
  const facts: Fact[] = [];
  for (let i = 0; i < 24; i++) {
    const contact = `c-${i}`;
    const phone = numbers[phones[i] ?? ""];
    facts.push({ topic: "contacts", contact, value: phone ? { phone } : {} });
    if (i % 3 === 0) facts.push({ topic: "sms.opted_in", contact, value: { source: "form" } });
    if (i % 3 === 1) facts.push({ topic: "sms.opted_out", contact, value: { source: "STOP", message: "m-1" } });
    facts.push({ topic: "sms.sent", contact, value: { id: `s1-${i}`, message: "m-1", message_name: "Frühlingsangebote", at: daysAgo(40) } });
    facts.push({ topic: "sms.sent", contact, value: { id: `s2-${i}`, message: "m-2", message_name: "夏のセール", at: daysAgo(2) } });
    if (i % 2 === 0) facts.push({ topic: "sms.clicked", contact, value: { id: `k-${i}`, message: "m-2", url: "https://shop.example/" } });
    if (i === 3) facts.push({ topic: "sms.clicked", contact, value: { id: "k-old", message: "m-1", at: daysAgo(40) } });
    if (i >= 20) facts.push({ topic: "sms.failed", contact, value: { id: `f-${i}`, message: "m-2", reason: "unknown subscriber" } });
    if (i < 6) facts.push({ topic: "lists", contact, value: { list: "spring", kind: "marketing", name: "Spring sale", member: true } });
    if (i < 3) facts.push({ topic: "lists", contact, value: { list: "kontakt", kind: "form", name: "نموذج الاتصال", member: true } });
    if (i < 2) facts.push({ topic: "lists", contact, value: { list: "intro", kind: "webinar", name: "Введение", member: true } });
  }
  return facts;
}
