import assert from "node:assert/strict";
import { test } from "node:test";
import { List } from "./download.ts";

// A server that cuts its list off twice.
const bodies: Record<string, string> = {
  "": '{"contact":"a"}\n{"contact":"b,\\"1\\"","cursor":"2"}\n{"contact":"c"}\n{"cont',
  "2": '{"contact":"c"}\n{"contact":"d","cursor":"4"}\n',
  "4": '{"contact":"e"}\n{"end":{"count":5,"cursor":"5"}}\n',
};

function serve(): string[] {
  const asked: string[] = [];
  globalThis.fetch = async (input) => {
    const cursor = new URL(String(input), "http://x").searchParams.get("cursor") ?? "";
    asked.push(cursor);
    return new Response(bodies[cursor]);
  };
  return asked;
}

async function read(list: List): Promise<number> {
  for (let n = 0; n < 5; n++) {
    const end = await list.readFrom("/list", new AbortController().signal, () => {});
    if (end) return end.count;
  }
  return -1;
}

test("a list that is cut off goes on from its cursor, and has everybody once", async () => {
  const asked = serve();
  const list = new List("csv");
  assert.equal(await read(list), 5);
  assert.deepEqual(asked, ["", "2", "4"]);
  assert.equal(await list.blob().text(), 'contact\r\na\r\n"b,""1"""\r\nc\r\nd\r\ne\r\n');
});

test("as NDJSON", async () => {
  serve();
  const list = new List("ndjson");
  await read(list);
  assert.equal((await list.blob().text()).split("\n")[1], '{"contact":"b,\\"1\\""}');
});
