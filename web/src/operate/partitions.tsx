import type { PartitionStatus } from "../api/operate.ts";
import { count, plural } from "../parts/format.ts";

/** Partitions shows who reads each, and how far behind it is. */
export function Partitions({ partitions }: { partitions: PartitionStatus[] }) {
  const behind = partitions.reduce((sum, p) => sum + lagOf(p), 0);
  const owned = partitions.some((p) => p.owner);
  return (
    <section class="card" aria-labelledby="partitions">
      <h2 id="partitions">Partitions</h2>
      <p class="hint">{behind === 0 ? `All ${partitions.length} have read what there is.` : `${plural(behind, "record")} not yet applied.`}</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of partitions">
        <table class="partitions">
          <caption class="unseen">Partitions with their lag</caption>
          <thead>
            <tr>
              <th scope="col">Partition</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Lag
              </th>
              <th scope="col">Position</th>
              {owned && <th scope="col">Owner</th>}
            </tr>
          </thead>
          <tbody>
            {partitions.map((p) => (
              <tr key={p.partition}>
                <th scope="row">{p.partition}</th>
                <td>{p.fresh ? "Caught up" : <strong class="behind">Behind in {behindIn(p)}</strong>}</td>
                <td class="number">{count(lagOf(p))}</td>
                <td>
                  <code title={p.position}>{short(p.position)}</code>
                </td>
                {owned && <td>{p.owner}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const lagOf = (p: PartitionStatus): number => Object.values(p.lag).reduce((a, b) => a + b, 0);

const behindIn = (p: PartitionStatus): string =>
  Object.entries(p.lag)
    .filter(([, lag]) => lag > 0)
    .map(([topic]) => topic)
    .join(", ");

/** short leaves of a generation as much as tells it from others. */
function short(position: string): string {
  const [generation = "", commit = ""] = position.split(".");
  return generation ? `${generation.slice(0, 8)}.${commit}` : "–";
}
