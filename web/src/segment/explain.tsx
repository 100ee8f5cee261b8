import { useState } from "preact/hooks";
import { asProblem, get, segmentPath, type Problem } from "../api/http.ts";
import type { Explanation, ExplainNode } from "../api/types.ts";
import { day, moment } from "../parts/format.ts";
import { ProblemNote } from "../parts/problem.tsx";
import { current } from "../state/session.ts";

/** Explain tells why a contact is in the segment or not. */
export function Explain({ id }: { id: string }) {
  const [contact, setContact] = useState("");
  const [found, setFound] = useState<Explanation>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      setFound(await get<Explanation>(segmentPath(id, "/explain"), { query: { contact: contact.trim() } }));
    } catch (e) {
      setFound(undefined);
      setProblem(asProblem(e));
    }
    setBusy(false);
  };
  return (
    <section class="card" aria-labelledby="explain">
      <h2 id="explain">Why is somebody in it, or not?</h2>
      <form class="tools" onSubmit={submit}>
        <label class="field">
          <span class="unseen">Id of a contact</span>
          <input required dir="auto" placeholder="Id of a contact" autocomplete="off" value={contact} onInput={(e) => setContact(e.currentTarget.value)} />
        </label>
        <button disabled={busy}>Explain</button>
      </form>
      {problem && <ProblemNote problem={problem} />}
      <div role="status">{found && <Explained e={found} />}</div>
    </section>
  );
}

const blockedWords: Record<string, string> = {
  not_member: "it is not a member",
  invalid_phone: "it has no valid phone",
  not_opted_in: "it is not opted in",
  opted_out: "it is opted out",
};

function Explained({ e }: { e: Explanation }) {
  if (!e.known) {
    return (
      <p>
        There is no contact <bdi>{e.contact}</bdi>.
      </p>
    );
  }
  const change = changeOf(e);
  return (
    <>
      <p>
        <bdi>{e.contact}</bdi> <strong>{e.member ? "is a member" : "is not a member"}</strong>
        {e.sendable ? " and can be sent to." : `, and can't be sent to: ${e.blocked.map((b) => blockedWords[b] ?? b).join(", ")}.`}
        {change && ` A member ${change}.`}
      </p>
      <ul class="tree">
        <Node node={e.origin} />
        {e.where && <Node node={e.where} />}
      </ul>
    </>
  );
}

/** changeOf says when an outcome becomes another by itself. */
function changeOf({ lapses, begins }: Pick<ExplainNode, "lapses" | "begins">): string {
  if (lapses) return `no longer from ${day(lapses)}, unless something happens until then`;
  return begins ? `will be from ${day(begins)}, unless something happens until then` : "";
}

/** withDates writes the days and times in a text as people do. */
function withDates(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g, (at) => moment(at, current().timezone))
    .replace(/\b\d{4}-\d\d-\d\d\b/g, day);
}

function Node({ node: n }: { node: ExplainNode }) {
  const change = changeOf(n);
  return (
    <li>
      <p class={n.holds ? "holds" : "fails"}>
        <span class="outcome">{n.holds ? "✓ yes" : "✗ no"}</span> <code dir="auto">{n.condition}</code>
      </p>
      {(n.detail || change) && <p class="hint">{[n.detail && withDates(n.detail), change].filter(Boolean).join("; ")}</p>}
      {n.parts && n.parts.length > 0 && (
        <ul>
          {n.parts.map((p, i) => (
            <Node key={i} node={p} />
          ))}
        </ul>
      )}
    </li>
  );
}
