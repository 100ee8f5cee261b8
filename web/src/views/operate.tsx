import { get } from "../api/http.ts";
import type { Status } from "../api/operate.ts";
import { Freshness, Losses } from "../operate/freshness.tsx";
import { Letters } from "../operate/letters.tsx";
import { Outcomes } from "../operate/outcomes.tsx";
import { Partitions } from "../operate/partitions.tsx";
import { Rebuilds } from "../operate/rebuilds.tsx";
import { Replays } from "../operate/replays.tsx";
import { Await } from "../parts/states.tsx";
import { current } from "../state/session.ts";
import { useRefreshed } from "../state/refreshed.ts";

const every = 2_000; // ms between two looks at the server

/** Operate shows how the whole server is doing, over all accounts. */
export function Operate() {
  if (!current().operator) {
    return (
      <>
        <h1>Operate</h1>
        <p>This is for operators: sign in with the operator’s token.</p>
      </>
    );
  }
  return <Whole />;
}

function Whole() {
  const status = useRefreshed((signal) => get<Status>("/v1/status", { whole: true, signal }), [], every);
  return (
    <>
      <h1>Operate</h1>
      <Await of={status}>
        {(s) => (
          <>
            <Losses status={s} />
            <Freshness status={s} silent={status.problem !== undefined} />
            <Partitions partitions={s.partitions} />
            <Outcomes status={s} />
          </>
        )}
      </Await>
      <Letters />
      <Replays />
      <Rebuilds />
    </>
  );
}
