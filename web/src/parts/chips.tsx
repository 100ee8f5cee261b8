/** Chips are chosen values, each with a way to take it out again. */
export function Chips({ values, labelOf, onRemove }: { values: string[]; labelOf: (value: string) => string; onRemove: (value: string) => void }) {
  if (values.length === 0) return null;
  return (
    <ul class="chips">
      {values.map((v) => (
        <li key={v}>
          <span dir="auto">{labelOf(v)}</span>
          <button type="button" aria-label={`Remove ${labelOf(v)}`} onClick={() => onRemove(v)}>
            <span aria-hidden="true">×</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
