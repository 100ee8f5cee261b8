import type { Counts } from "../api/report.ts";
import { Bars } from "../parts/bars.tsx";
import { count, share } from "../parts/format.ts";

/** Totals shows how many of those who were sent to were reached, and clicked, and what else they did. */
export function Totals({ of: t }: { of: Counts }) {
  const others: [name: string, value: number, hint: string][] = [
    ["Replied", t.replied, `${share(t.replied, t.delivered)} of delivered`],
    ["Failed", t.failed, `${share(t.failed, t.sent)} of sent`],
    ["Opted out", t.opted_out, `${share(t.opted_out, t.delivered)} of delivered`],
    ["Clicks in all", t.clicks, t.clicked ? `${(t.clicks / t.clicked).toFixed(1)} for each who clicked` : ""],
  ];
  return (
    <section class="card totals" aria-labelledby="totals">
      <h2 id="totals">From sent to clicked</h2>
      <Bars
        caption="Contacts, each counted once"
        rows={[
          { name: "Sent", value: t.sent, part: "" },
          { name: "Delivered", value: t.delivered, part: `${share(t.delivered, t.sent)} of sent` },
          { name: "Clicked", value: t.clicked, part: `${share(t.clicked, t.delivered)} of delivered` },
        ]}
      />
      <dl class="now">
        {others.map(([name, value, hint]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="big">{count(value)}</dd>
            <dd class="hint">{hint}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
