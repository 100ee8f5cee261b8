import { count } from "./format.ts";

/** Pager goes through a long list page by page. */
export function Pager({ page, size, total, onPage }: { page: number; size: number; total: number; onPage: (page: number) => void }) {
  const pages = Math.ceil(total / size);
  if (pages < 2) return null;
  return (
    <nav class="pager" aria-label="Pages">
      <button onClick={() => onPage(page - 1)} disabled={page === 0}>
        Previous
      </button>
      <span role="status">
        {count(page * size + 1)} to {count(Math.min(total, (page + 1) * size))} of {count(total)}
      </span>
      <button onClick={() => onPage(page + 1)} disabled={page >= pages - 1}>
        Next
      </button>
    </nav>
  );
}
