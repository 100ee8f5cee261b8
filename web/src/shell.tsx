import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ConnectionState } from "./parts/connection.tsx";
import { path } from "./router.ts";
import { connection } from "./state/live.ts";
import { current, signOut, switchAccount } from "./state/session.ts";
import { theme, type Theme } from "./state/theme.ts";

const places = [
  ["/segments", "Segments"],
  ["/lists", "Lists"],
  ["/report", "Report"],
] as const;

/** Shell is what stands around every view. */
export function Shell({ children }: { children: ComponentChildren }) {
  const main = useRef<HTMLElement>(null);
  useAnnouncedView(main);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="bar">
        <a class="brand" href="/">
          <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
            <rect width="32" height="32" rx="8" fill="var(--accent)" />
            <path d="M8 10h16M8 16h11M8 22h6" stroke="var(--on-accent)" stroke-width="3" stroke-linecap="round" />
            <circle cx="23" cy="21" r="3.5" fill="var(--on-accent)" />
          </svg>
          rollcall
        </a>
        <Navigation />
        <ConnectionState />
        <div class="settings">
          <AccountSwitch />
          <ThemeSwitch />
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1} data-old={connection.value.state === "lost"}>
        {children}
      </main>
    </>
  );
}

function Navigation() {
  const shown = current().operator ? [...places, ["/operate", "Operate"] as const] : places;
  const at = path.value === "/" ? "/segments" : path.value;
  return (
    <nav aria-label="Main">
      <ul>
        {shown.map(([to, name]) => (
          <li key={to}>
            <a href={to} aria-current={at === to ? "page" : at.startsWith(to + "/") ? "true" : undefined}>
              {name}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function AccountSwitch() {
  const s = current();
  const accounts = s.accounts ?? [];
  return (
    <>
      {s.operator && (accounts.length > 1 || !s.account) ? (
        <label class="inline">
          <span class="unseen">Account</span>
          <select value={s.account} onChange={(e) => void switchAccount(e.currentTarget.value)}>
            {!accounts.includes(s.account) && <option value={s.account}>{s.account || "choose an account"}</option>}
            {accounts.map((a) => (
              <option key={a}>{a}</option>
            ))}
          </select>
        </label>
      ) : (
        <span class="account" title={`Account ${s.account}, days in ${s.timezone}`}>
          {s.account}
        </span>
      )}
      {!s.tokenless && (
        <button class="quiet" onClick={() => void signOut()}>
          Sign out
        </button>
      )}
    </>
  );
}

function ThemeSwitch() {
  return (
    <label class="inline">
      <span class="unseen">Colours</span>
      <select value={theme.value} onChange={(e) => (theme.value = e.currentTarget.value as Theme)}>
        <option value="system">Auto</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  );
}

/** useAnnouncedView moves the focus to a view that was gone to, and names it in the title. */
function useAnnouncedView(main: { current: HTMLElement | null }): void {
  const first = useRef(true);
  const at = path.value;
  useEffect(() => {
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [at]);
  useEffect(() => {
    const name = () => {
      const heading = main.current?.querySelector("h1")?.textContent;
      document.title = heading ? `${heading} · rollcall` : "rollcall";
    };
    name();
    const observer = new MutationObserver(name);
    if (main.current) observer.observe(main.current, { subtree: true, childList: true, characterData: true });
    return () => observer.disconnect();
  }, []);
}
