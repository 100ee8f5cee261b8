import type { Problem } from "../api/http.ts";

/** ProblemNote shows what went wrong, in the server's words. */
export function ProblemNote({ problem, retry }: { problem: Problem; retry?: () => void }) {
  const { title, detail, errors, segments } = problem.body;
  return (
    <div class="problem" role="alert">
      <p class="title">{title}</p>
      {detail && <p>{detail}</p>}
      {errors && (
        <ul>
          {errors.map((e) => (
            <li>
              {e.location && <code>{e.location}</code>} {e.message}
            </li>
          ))}
        </ul>
      )}
      {segments && (
        <ul>
          {segments.map((id) => (
            <li>
              <a href={`/segments/${encodeURIComponent(id)}`}>{id}</a>
            </li>
          ))}
        </ul>
      )}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}
