/** lines yields the lines of a stream of text as they come, whatever pieces it comes in. */
export async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of body) {
    rest += decoder.decode(piece, { stream: true });
    const parts = rest.split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
  if (rest) yield rest;
}

export interface ServerEvent {
  name: string;
  id: string;
  data: string;
}

/** events reads server-sent events. A comment, which keeps the connection alive, is an event without data. */
export async function* events(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  let event: ServerEvent = { name: "", id: "", data: "" };
  for await (const line of lines(body)) {
    if (line === "") {
      yield event;
      event = { name: "", id: event.id, data: "" };
      continue;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event.name = value;
    else if (field === "id") event.id = value;
    else if (field === "data") event.data += (event.data && "\n") + value;
  }
}

/** chunks makes a response's body iterable, which not every browser does. */
export async function* chunks(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
