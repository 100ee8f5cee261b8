import { count, share } from "./format.ts";

export interface Bar {
  name: string;
  value: number;
  part?: string; // default: its share of the largest
  code?: boolean; // the name is of the text form
}

/** Bars is a table of a few numbers, each with a bar that shows its part of the largest. */
export function Bars({ caption, rows }: { caption: string; rows: Bar[] }) {
  const most = Math.max(0, ...rows.map((r) => r.value));
  return (
    <table class="bars">
      <caption class="unseen">{caption}</caption>
      <tbody>
        {rows.map((r, i) => (
          <tr key={i}>
            <th scope="row" dir="auto">
              {r.code ? <code>{r.name}</code> : r.name}
              <BarOf part={r.value} of={most} />
            </th>
            <td class="number">{count(r.value)}</td>
            <td class="number hint">{r.part ?? share(r.value, most)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function BarOf({ part, of }: { part: number; of: number }) {
  return (
    <svg class="bar-of" width="100%" height="5" aria-hidden="true">
      <rect class="whole" width="100%" height="5" rx="2.5" />
      <rect width={`${of ? (100 * part) / of : 0}%`} height="5" rx="2.5" />
    </svg>
  );
}
