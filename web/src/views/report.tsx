import { get } from "../api/http.ts";
import type { Report as Answer } from "../api/report.ts";
import { Bars } from "../parts/bars.tsx";
import { clock, day, dayOfYear, share } from "../parts/format.ts";
import { Plot } from "../parts/plot.tsx";
import { Await, Empty } from "../parts/states.tsx";
import { everyDay } from "../report/days.ts";
import { FilterEditor, filtersOf } from "../report/filters.tsx";
import { Messages } from "../report/messages.tsx";
import { Totals } from "../report/totals.tsx";
import { search } from "../router.ts";
import { useLoaded } from "../state/loaded.ts";

/** Report shows what came of the messages that were sent. */
export function Report() {
  const filters = filtersOf(search.value);
  const loaded = useLoaded((signal) => get<Answer>("/v1/reports/sms", { query: { ...filters }, signal }), [search.value]);
  const nameOf = (message: string) => loaded.value?.messages.find((m) => m.message === message)?.name || message;
  return (
    <>
      <h1>SMS report</h1>
      <FilterEditor filters={filters} nameOf={nameOf} />
      <Await of={loaded}>{(report) => <Shown report={report} loading={loaded.loading} />}</Await>
    </>
  );
}

function Shown({ report: r, loading }: { report: Answer; loading: boolean }) {
  return (
    <div class="report" aria-busy={loading}>
      <p class="hint" role="status">
        {day(r.from)} to {day(r.to)}, in days of the account. {r.freshness.fresh && `Counted up to ${clock(r.freshness.as_of)}.`}
      </p>
      {!r.freshness.fresh && <p class="warning">The server is catching up: these numbers are not up to date.</p>}
      {r.warnings?.map((w) => (
        <p key={w.name} class="warning">
          {w.message}
        </p>
      ))}
      {r.totals.sent === 0 ? (
        <Empty title="Nothing was sent in this time">
          <p>Choose other days, or another message or segment.</p>
        </Empty>
      ) : (
        <Numbers report={r} />
      )}
    </div>
  );
}

function Numbers({ report: r }: { report: Answer }) {
  const days = everyDay(r.from, r.to, r.days);
  const at = days.map((d) => dayOfYear(d.day));
  return (
    <>
      <Totals of={r.totals} />
      <section class="card" aria-label="Day by day">
        <Plot
          title="Contacts by the day they were sent to"
          at={at}
          series={[
            { name: "Sent", values: days.map((d) => d.sent), kind: "bars" },
            { name: "Delivered", values: days.map((d) => d.delivered) },
            { name: "Clicked", values: days.map((d) => d.clicked) },
          ]}
        />
        <Plot
          title="What else came of what was sent on a day"
          at={at}
          height={160}
          series={[
            { name: "Replied", values: days.map((d) => d.replied) },
            { name: "Failed", values: days.map((d) => d.failed) },
            { name: "Opted out", values: days.map((d) => d.opted_out) },
          ]}
        />
      </section>
      <Messages messages={r.messages} />
      {r.reasons.length > 0 && (
        <section class="card" aria-labelledby="reasons">
          <h2 id="reasons">Why sending failed</h2>
          <Bars caption="Contacts by reason" rows={r.reasons.map((x) => ({ name: x.reason || "no reason given", value: x.contacts, part: `${share(x.contacts, r.totals.failed)} of failed` }))} />
        </section>
      )}
    </>
  );
}
