import { ProblemNote } from "./parts/problem.tsx";
import { match, path } from "./router.ts";
import { Shell } from "./shell.tsx";
import { session, start, switchAccount } from "./state/session.ts";
import { views } from "./views/index.tsx";
import { SignIn } from "./views/signin.tsx";

export function App() {
  const s = session.value;
  switch (s.state) {
    case "starting":
      return <p class="starting" role="status">Loading…</p>;
    case "signed-out":
      return <SignIn />;
    case "failed":
      return (
        <main class="alone">
          <h1>rollcall</h1>
          <ProblemNote problem={s.problem} retry={() => void start()} />
        </main>
      );
    case "in":
      return <Shell key={s.session.account}>{s.session.account || path.value.startsWith("/operate") ? viewOf(path.value) : <ChooseAccount accounts={s.session.accounts ?? []} />}</Shell>;
  }
}

function ChooseAccount({ accounts }: { accounts: string[] }) {
  return (
    <>
      <h1>Which account?</h1>
      {accounts.length === 0 && <p>There is none yet: <code>rollcall account create</code> makes one.</p>}
      <ul class="actions">
        {accounts.map((a) => (
          <li key={a}>
            <button onClick={() => void switchAccount(a)}>{a}</button>
          </li>
        ))}
      </ul>
    </>
  );
}

function viewOf(path: string) {
  for (const [pattern, View] of views) {
    const found = match(pattern, path);
    if (found) return <View key={path} {...found} />;
  }
  return (
    <>
      <h1>There is no such page</h1>
      <p>
        Its address may have been mistyped. <a href="/segments">See all segments</a>
      </p>
    </>
  );
}
