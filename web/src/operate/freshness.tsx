import type { Status } from "../api/operate.ts";
import { clock } from "../parts/format.ts";

/** Losses says loudly what the log no longer has. To go on without it is a decision for the command line. */
export function Losses({ status: s }: { status: Status }) {
  if (!s.data_lost) return null;
  return (
    <section class="problem" role="alert" aria-labelledby="lost">
      <h2 id="lost" class="title">
        Data lost: the state can’t be rebuilt from the log
      </h2>
      <p>Nothing is answered as fresh, and nothing is sent, until the records are back, a state that has them is imported, or the loss is accepted by name.</p>
      <ul>
        {(s.data_lost_reasons ?? []).map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      {s.losses && s.losses.length > 0 && (
        <>
          <p>To go on without them:</p>
          <pre tabIndex={0} aria-label="Commands">
            {s.losses.map((l) => `rollcall loss accept ${l.topic} ${l.partition} --from ${l.from} --to ${l.to}\n`).join("")}
          </pre>
        </>
      )}
    </section>
  );
}

/** Freshness says up to when everything is counted, or what is missing. */
export function Freshness({ status: { freshness: of, version, data_lost: lost }, silent }: { status: Status; silent: boolean }) {
  const state = silent ? "Not known at the moment" : of.fresh ? "Fresh" : "Not fresh";
  const heard = of.as_of.startsWith("0001-") ? "Up to when everything is counted is not known yet" : `Everything written up to ${clock(of.as_of)} is counted`;
  return (
    <section aria-labelledby="freshness" class={state === "Fresh" ? "card" : "warning"}>
      <h2 id="freshness">{state}</h2>
      <p>
        {!lost && `${heard}${silent ? ", said the server when it last answered" : ""}. `}
        <span class="hint">Version {version}</span>
      </p>
      {!of.fresh && (
        <ul class="missing" aria-label="What is missing">
          {(of.missing ?? []).map((m) => (
            <li key={m}>{m}</li>
          ))}
        </ul>
      )}
    </section>
  );
}
