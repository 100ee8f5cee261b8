import { useState } from "preact/hooks";
import type { Report } from "../api/report.ts";
import { count, share } from "../parts/format.ts";
import { Pager } from "../parts/pager.tsx";
import { search } from "../router.ts";

type Message = Report["messages"][number];

const pageSize = 25;

/** Messages compares what came of each. */
export function Messages({ messages }: { messages: Message[] }) {
  const [page, setPage] = useState(0);
  if (messages.length === 0) return null;
  const first = Math.min(page, Math.ceil(messages.length / pageSize) - 1);
  return (
    <section class="stack messages" aria-labelledby="messages">
      <h2 id="messages">Messages</h2>
      <table class="listing">
        <caption class="unseen">What came of each message. Shares are of those to whom it was delivered, of failures of those to whom it was sent.</caption>
        <thead>
          <tr>
            <th scope="col">Message</th>
            {columns.map((c) => (
              <th key={c.name} scope="col" class="number">
                {c.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {messages.slice(first * pageSize, (first + 1) * pageSize).map((m) => (
            <Row key={m.message} message={m} />
          ))}
        </tbody>
      </table>
      <Pager page={first} size={pageSize} total={messages.length} onPage={setPage} />
    </section>
  );
}

const columns: { name: string; value: (m: Message) => number; of?: (m: Message) => number }[] = [
  { name: "Sent", value: (m) => m.sent },
  { name: "Delivered", value: (m) => m.delivered, of: (m) => m.sent },
  { name: "Clicked", value: (m) => m.clicked, of: (m) => m.delivered },
  { name: "Replied", value: (m) => m.replied, of: (m) => m.delivered },
  { name: "Failed", value: (m) => m.failed, of: (m) => m.sent },
  { name: "Opted out", value: (m) => m.opted_out, of: (m) => m.delivered },
];

function Row({ message: m }: { message: Message }) {
  return (
    <tr>
      <th scope="row">
        <a href={`/report?${only(m.message)}`} dir="auto">
          {m.name || m.message}
        </a>
        {m.name && m.name !== m.message && (
          <code class="definition" dir="auto">
            {m.message}
          </code>
        )}
      </th>
      {columns.map((c) => (
        <td key={c.name} class="number" data-label={c.name}>
          {count(c.value(m))}
          {c.of && <span class="share">{share(c.value(m), c.of(m))}</span>}
        </td>
      ))}
    </tr>
  );
}

/** only is the address's query with another message. */
function only(message: string): string {
  const params = new URLSearchParams(search.value);
  params.set("message", message);
  return params.toString();
}
