import { useState } from "preact/hooks";
import { asProblem, get, type Problem } from "../api/http.ts";
import type { LetterPage, Retried } from "../api/operate.ts";
import { count, plural } from "../parts/format.ts";
import { ProblemNote } from "../parts/problem.tsx";
import { Await } from "../parts/states.tsx";
import { useLoaded } from "../state/loaded.ts";
import { useRefreshed } from "../state/refreshed.ts";
import { LetterRow } from "./letter.tsx";

/** Letters lists dead letters by reason. */
export function Letters() {
  const [reason, setReason] = useState("");
  const [after, setAfter] = useState<string[]>([]); // the cursors of the pages up to this one
  // Which reasons there are is known from an answer about all of them.
  const all = useRefreshed((signal) => get<LetterPage>("/v1/dead-letters", { whole: true, query: { limit: 1 }, signal }), [], 4_000);
  const loaded = useLoaded(
    (signal) => get<LetterPage>("/v1/dead-letters", { whole: true, query: { reason, limit: 20, after: after.at(-1) }, signal }),
    [reason, after.at(-1), all.value?.count, all.value?.dead_letters?.[0]?.id],
  );
  const choose = (r: string) => (setReason(r), setAfter([]), setSaid(""));
  const [said, setSaid] = useState("");
  const onRetried = (r: Retried) => {
    setSaid(told(r));
    loaded.reload();
    all.reload();
  };
  return (
    <section class="card" aria-labelledby="letters">
      <h2 id="letters">Dead letters</h2>
      <p class="hint">Records that could not be read, and why. Nothing else waits for them.</p>
      <Await of={all}>
        {(a) =>
          a.count === 0 ? (
            <p>There are none.</p>
          ) : (
            <>
              <div class="tools">
                <label class="inline">
                  Reason{" "}
                  <select value={reason} onChange={(e) => choose(e.currentTarget.value)}>
                    <option value="">all ({count(a.count)})</option>
                    {Object.entries(a.reasons).map(([r, n]) => (
                      <option key={r} value={r}>
                        {r} ({count(n)})
                      </option>
                    ))}
                  </select>
                </label>
                <RetryAll key={reason} reason={reason} count={reason ? (a.reasons[reason] ?? 0) : a.count} onRetried={onRetried} />
              </div>
              {a.older && <p class="hint">There may be older ones than are listed.</p>}
            </>
          )
        }
      </Await>
      <p role="status" class={said ? "note" : "unseen"}>
        {said}
      </p>
      {all.value && all.value.count > 0 && (
        <Await of={loaded}>
          {(page) => (
            <>
              <ul class="letters">
                {(page.dead_letters ?? []).map((l) => (
                  <LetterRow key={l.id} letter={l} onRetried={onRetried} />
                ))}
              </ul>
              <Pages after={after} next={page.next} onPage={setAfter} />
            </>
          )}
        </Await>
      )}
    </section>
  );
}

function Pages({ after, next, onPage }: { after: string[]; next: string | undefined; onPage: (after: string[]) => void }) {
  if (after.length === 0 && !next) return null;
  return (
    <nav class="pager" aria-label="Pages of dead letters">
      <button onClick={() => onPage(after.slice(0, -1))} disabled={after.length === 0}>
        Newer
      </button>
      <button onClick={() => next && onPage([...after, next])} disabled={!next}>
        Older
      </button>
    </nav>
  );
}

interface RetryAllProps {
  reason: string; // empty: any
  count: number;
  onRetried: (r: Retried) => void;
}

/** RetryAll reads all letters of a reason once more, in as many requests as it takes. */
function RetryAll({ reason, count: n, onRetried }: RetryAllProps) {
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const retry = async () => {
    if (!confirm(`Read ${plural(n, "record")} once more? Whatever was wrong with them should be mended by now.`)) return;
    setBusy(true);
    setProblem(undefined);
    try {
      onRetried(await retryAll(reason));
    } catch (e) {
      setProblem(asProblem(e));
    }
    setBusy(false);
  };
  return (
    <>
      <button onClick={() => void retry()} disabled={busy || n === 0}>
        Retry {reason ? `all of ${reason}` : "all"}
      </button>
      {problem && <ProblemNote problem={problem} />}
    </>
  );
}

async function retryAll(reason: string): Promise<Retried> {
  const sum: Retried = { retried: 0, missing: 0, too_large: 0 };
  for (let after: string | undefined = ""; after !== undefined; ) {
    const chosen = { ...(reason ? { reason } : { all: true }), ...(after ? { after } : {}) };
    const r: Retried = await get<Retried>("/v1/dead-letters/retry", { method: "POST", whole: true, json: chosen });
    sum.retried += r.retried;
    sum.missing += r.missing;
    sum.too_large += r.too_large;
    after = r.next;
  }
  return sum;
}

/** told says what becomes of letters that were to be retried. */
function told(r: Retried): string {
  const parts = [`${plural(r.retried, "record")} to be read once more`];
  if (r.missing) parts.push(`${count(r.missing)} no longer there`);
  if (r.too_large) parts.push(`${count(r.too_large)} too large, which are never taken`);
  return parts.join(", ") + ". Those that still can’t be read come back.";
}
