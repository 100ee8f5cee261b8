import { signal } from "@preact/signals";

/** The address that is shown. */
export const path = signal(location.pathname);
export const search = signal(location.search);

/** Asked before the page leaves a view; a view that has unsaved work says so. */
export const beforeLeaving: { question: string | undefined } = { question: undefined };

/** go shows another address. */
export function go(to: string, how: "push" | "replace" = "push"): void {
  if (beforeLeaving.question && !confirm(beforeLeaving.question)) return;
  beforeLeaving.question = undefined;
  history[how === "push" ? "pushState" : "replaceState"](null, "", to);
  show();
  scrollTo(0, 0);
}

function show(): void {
  path.value = location.pathname;
  search.value = location.search;
}

/** listen makes plain links change the view instead of loading the page anew. */
export function listen(): void {
  addEventListener("popstate", show);
  addEventListener("beforeunload", (e) => beforeLeaving.question && e.preventDefault());
  document.addEventListener("click", (e) => {
    const link = (e.target as Element).closest?.("a[href]") as HTMLAnchorElement | null;
    const plain = e.button === 0 && !e.metaKey && !e.ctrlKey && !e.shiftKey && !e.altKey && !e.defaultPrevented;
    if (!link || !plain || link.origin !== location.origin || link.target || link.hasAttribute("download")) return;
    if (link.hash && link.pathname === location.pathname) return;
    e.preventDefault();
    go(link.pathname + link.search);
  });
}

/** match reads the named parts of a path, such as /segments/:id; undefined: it is another path. */
export function match(pattern: string, path: string): Record<string, string> | undefined {
  const want = pattern.split("/");
  const have = path.replace(/\/+$/, "").split("/");
  if (want.length !== have.length) return undefined;
  const found: Record<string, string> = {};
  for (const [i, part] of want.entries()) {
    const value = decode(have[i] ?? "");
    if (part.startsWith(":") && value) found[part.slice(1)] = value;
    else if (part !== value) return undefined;
  }
  return found;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
