import type { ComponentChildren } from "preact";
import type { Loaded } from "../state/loaded.ts";
import { ProblemNote } from "./problem.tsx";

/** Await shows what was loaded, or why there is nothing to show. */
export function Await<T>({ of, children }: { of: Loaded<T>; children: (value: T) => ComponentChildren }) {
  return (
    <>
      {of.problem && <ProblemNote problem={of.problem} retry={of.reload} />}
      {of.value !== undefined ? children(of.value) : of.loading && <Loading />}
    </>
  );
}

export function Loading() {
  return (
    <p class="loading" role="status">
      Loading…
    </p>
  );
}

/** Empty says that there is nothing, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="title">{title}</p>
      {children}
    </div>
  );
}
