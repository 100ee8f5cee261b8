import type { Status } from "../api/operate.ts";
import { count, share } from "../parts/format.ts";

const words: Record<string, string> = {
  applied: "Applied",
  repeated: "Repeated: known already",
  forwarded: "Forwarded to their own partition",
  dead_lettered: "Dead-lettered",
  ignored: "Ignored, as configured",
  skipped: "Skipped: compacted, aborted or of Kafka’s own",
  lost: "Lost, and accepted as lost",
};

/** Outcomes shows what became of every record that was consumed. */
export function Outcomes({ status: s }: { status: Status }) {
  const all = Object.values(s.outcomes).reduce((a, b) => a + b, 0);
  const ignored = Object.entries(s.ignored ?? {});
  const shown = Object.entries(words).filter(([name]) => s.outcomes[name] !== undefined);
  return (
    <section class="card" aria-labelledby="outcomes">
      <h2 id="outcomes">What became of {count(all)} records</h2>
      <table class="counts">
        <caption class="unseen">Records by outcome</caption>
        <tbody>
          {shown.map(([name, word]) => (
            <tr key={name}>
              <th scope="row">{word}</th>
              <td class="number">{count(s.outcomes[name]!)}</td>
              <td class="number hint">{share(s.outcomes[name]!, all)}</td>
            </tr>
          ))}
          {ignored.map(([why, n]) => (
            <tr key={why} class="why">
              <th scope="row">
                ignored: <code>{why}</code>
              </th>
              <td class="number">{count(n)}</td>
              <td />
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
