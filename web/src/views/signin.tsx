import { useState } from "preact/hooks";
import { asProblem, type Problem } from "../api/http.ts";
import { ProblemNote } from "../parts/problem.tsx";
import { signIn } from "../state/session.ts";

/** SignIn takes a token; the server keeps it in a cookie that scripts can't read. */
export function SignIn() {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await signIn(token.trim());
    } catch (e) {
      setProblem(asProblem(e));
      setBusy(false);
    }
  };
  return (
    <main class="alone">
      <h1>Sign in to rollcall</h1>
      <form onSubmit={submit} class="stack">
        <label class="field">
          <span>Token</span>
          <input type="password" autocomplete="current-password" required value={token} onInput={(e) => setToken(e.currentTarget.value)} aria-describedby="token-hint" />
        </label>
        <p id="token-hint" class="hint">
          As <code>rollcall account create</code> or <code>rollcall token create</code> printed it.
        </p>
        {problem && <ProblemNote problem={problem} />}
        <button class="primary" disabled={busy}>
          Sign in
        </button>
      </form>
    </main>
  );
}
