import { useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type Problem } from "../api/http.ts";
import { download, type End, type Format } from "./download.ts";
import { count, plural } from "./format.ts";
import { ProblemNote } from "./problem.tsx";

type State = { is: "idle" } | { is: "reading"; read: number } | { is: "done"; end: End } | { is: "failed"; problem: Problem };

/** Downloads offers a list of contacts as a file. */
export function Downloads({ path, file, of }: { path: string; file: string; of: string }) {
  const [state, setState] = useState<State>({ is: "idle" });
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const begin = async (format: Format) => {
    const own = (stop.current = new AbortController());
    setState({ is: "reading", read: 0 });
    try {
      setState({ is: "done", end: await download(path, file, format, (read) => setState({ is: "reading", read }), own.signal) });
    } catch (e) {
      setState(own.signal.aborted ? { is: "idle" } : { is: "failed", problem: asProblem(e) });
    }
  };
  const busy = state.is === "reading";
  return (
    <div class="downloads">
      <div class="actions">
        {(["csv", "ndjson"] as const).map((format) => (
          <button key={format} type="button" disabled={busy} aria-label={`Download ${of} as ${format.toUpperCase()}`} onClick={() => void begin(format)}>
            <span aria-hidden="true">↓</span> {format.toUpperCase()}
          </button>
        ))}
        {busy && (
          <button type="button" class="quiet" onClick={() => stop.current?.abort()}>
            Stop
          </button>
        )}
      </div>
      <p class="hint" role="status">
        {busy && `${count(state.read)} read…`}
        {state.is === "done" && saved(state.end)}
      </p>
      {state.is === "failed" && <ProblemNote problem={state.problem} />}
    </div>
  );
}

const withheldWords: Record<string, string> = {
  opted_out: "opted out",
  invalid_phone: "without a valid phone",
  not_opted_in: "no longer opted in",
  erased: "erased",
};

/** saved says how many the file has, and of a frozen list who was left out since. */
function saved(end: End): string {
  const withheld = Object.entries(end.withheld ?? {}).filter(([, n]) => n > 0);
  const left = withheld.map(([why, n]) => `${count(n)} ${withheldWords[why] ?? why}`).join(", ");
  return `Saved ${plural(end.count, "contact")}${left && `; left out since: ${left}`}.`;
}
