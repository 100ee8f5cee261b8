import { useState } from "preact/hooks";
import { asProblem, get, type Problem } from "../api/http.ts";
import type { Content, DeadLetter, LetterDetail, Retried } from "../api/operate.ts";
import { moment, plural } from "../parts/format.ts";
import { ProblemNote } from "../parts/problem.tsx";
import { Await } from "../parts/states.tsx";
import { useLoaded } from "../state/loaded.ts";

/** LetterRow is a dead letter, which shows its record when it is opened. */
export function LetterRow({ letter: l, onRetried }: { letter: DeadLetter; onRetried: (r: Retried) => void }) {
  const [open, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>
          <code class="reason">{l.reason}</code>
          <span>
            {l.topic}/{l.partition} at {l.offset}
          </span>
          <span class="hint">
            {l.account && `${l.account}, `}
            {moment(l.failed)}
          </span>
        </summary>
        {open && <Detail id={l.id} onRetried={onRetried} />}
      </details>
    </li>
  );
}

function Detail({ id, onRetried }: { id: string; onRetried: (r: Retried) => void }) {
  const loaded = useLoaded((signal) => get<LetterDetail>(`/v1/dead-letters/${encodeURIComponent(id)}`, { whole: true, signal }), [id]);
  return (
    <div class="stack">
      <Await of={loaded}>
        {(d) => (
          <>
            <p>{textOf(d.headers.find((h) => h.name === messageHeader))}</p>
            <p class="hint">
              Letter {d.id}. Written to {d.topic}/{d.partition} on {moment(d.time)}.
            </p>
            <Bytes name="Key" of={d.key} />
            <Bytes name="Value" of={d.value} />
            <Headers of={d.headers} />
            <Retry id={id} onRetried={onRetried} />
          </>
        )}
      </Await>
    </div>
  );
}

/** The header in which a dead letter says in words what is wrong, as those of Kafka Connect do. */
const messageHeader = "__connect.errors.exception.message";

function Bytes({ name, of }: { name: string; of: Content | undefined }) {
  if (!of) return <p>{name}: none</p>;
  const text = textOf(of);
  return (
    <figure class="bytes">
      <figcaption>
        {name}, {plural(of.bytes, "byte")}
        {text === undefined && ", in base64"}
        {of.truncated && ", of which the beginning is shown"}
      </figcaption>
      <pre tabIndex={0} aria-label={name} dir="auto">
        {text ?? of.base64}
      </pre>
    </figure>
  );
}

function Headers({ of }: { of: LetterDetail["headers"] }) {
  return (
    <details class="headers">
      <summary>{plural(of.length, "header")}</summary>
      <table>
        <caption class="unseen">Headers</caption>
        <tbody>
          {of.map((h, i) => (
            <tr key={i}>
              <th scope="row">
                <code>{h.name}</code>
              </th>
              <td dir="auto">{textOf(h) ?? h.base64}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

/** textOf reads bytes as text, if they are; they may be text and no JSON. */
function textOf(c: Content | undefined): string | undefined {
  if (c?.text !== undefined || !c) return c?.text;
  const bytes = Uint8Array.from(atob(c.base64 ?? ""), (b) => b.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: c.truncated ?? false });
  } catch {
    return undefined;
  }
}

function Retry({ id, onRetried }: { id: string; onRetried: (r: Retried) => void }) {
  const [problem, setProblem] = useState<Problem>();
  const retry = async () => {
    setProblem(undefined);
    try {
      onRetried(await get<Retried>("/v1/dead-letters/retry", { method: "POST", whole: true, json: { ids: [id] } }));
    } catch (e) {
      setProblem(asProblem(e));
    }
  };
  return (
    <>
      <button onClick={() => void retry()}>Retry</button>
      {problem && <ProblemNote problem={problem} />}
    </>
  );
}
