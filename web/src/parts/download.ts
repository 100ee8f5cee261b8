import { ask, asProblem, Problem } from "../api/http.ts";
import { chunks, lines } from "../api/lines.ts";

export type Format = "csv" | "ndjson";

/** End is what the last line of a list says. */
export interface End {
  count: number;
  cursor: string;
  frozen?: number;
  withheld?: Record<string, number>;
}

interface Line {
  contact?: string;
  cursor?: string;
  end?: End;
}

const tries = 5;

/**
 * download reads a list of contacts to its end line and hands it to the browser
 * as a file. A stream that is cut off goes on from its last cursor; a file that
 * lacks somebody is never saved.
 */
export async function download(path: string, file: string, format: Format, onCount: (read: number) => void, signal: AbortSignal): Promise<End> {
  const list = new List(format);
  for (let failures = 0; ; failures++) {
    try {
      const end = await list.readFrom(path, signal, (n) => ((failures = 0), onCount(n)));
      if (end) {
        save(list.blob(), `${file}.${format}`);
        return end;
      }
    } catch (e) {
      const problem = asProblem(e);
      if (signal.aborted || problem.kind !== "offline" || failures >= tries) throw e;
    }
    if (failures >= tries) throw new Problem({ type: "cut-off", title: "The list was cut off", status: 0, detail: "It was not saved, since somebody would be missing. Try again." });
    await new Promise((resolve) => setTimeout(resolve, 300 * 2 ** failures));
  }
}

const batch = 10_000; // lines that become one piece of the file

/** List gathers the lines of a file. What was read after the last cursor is read again after a cut. */
export class List {
  private readonly pieces: BlobPart[] = [];
  private lines: string[] = [];
  private sure = 0; // of the lines, those up to the cursor
  private count = 0; // of contacts up to the cursor
  private cursor = "";
  private readonly format: Format;

  constructor(format: Format) {
    this.format = format;
    if (format === "csv") this.pieces.push("contact\r\n");
  }

  async readFrom(path: string, signal: AbortSignal, onCount: (read: number) => void): Promise<End | undefined> {
    this.lines.length = this.sure;
    let read = this.count;
    const response = await ask(path, { query: { cursor: this.cursor }, signal });
    if (!response.body) return undefined;
    for await (const text of lines(cut(chunks(response.body)))) {
      const line = parse(text);
      if (line?.end) return line.end;
      if (line?.contact === undefined) continue;
      read++;
      this.lines.push(this.format === "csv" ? csv(line.contact) : JSON.stringify({ contact: line.contact }) + "\n");
      if (line.cursor) {
        this.keep(line.cursor, read);
        onCount(read);
      }
    }
    return undefined;
  }

  blob(): Blob {
    return new Blob([...this.pieces, ...this.lines], { type: this.format === "csv" ? "text/csv" : "application/x-ndjson" });
  }

  private keep(cursor: string, read: number): void {
    this.cursor = cursor;
    this.count = read;
    this.sure = this.lines.length;
    if (this.lines.length < batch) return;
    this.pieces.push(this.lines.join(""));
    this.lines = [];
    this.sure = 0;
  }
}

/** cut makes a connection that breaks in the middle the end of what was read. */
async function* cut(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch {
    return;
  }
}

function parse(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined; // the half of a line that was cut off
  }
}

const csv = (value: string): string => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value) + "\r\n";

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
