/** Sparkline is a small line without axes. It is for a glance; the numbers stand elsewhere. */
export function Sparkline({ values, label }: { values: number[]; label: string }) {
  const width = 96;
  const height = 24;
  const low = Math.min(...values);
  const high = Math.max(...values);
  const x = (i: number) => 1 + (i * (width - 2)) / Math.max(1, values.length - 1);
  const y = (v: number) => height - 2 - ((v - low) / (high - low || 1)) * (height - 4);
  if (values.length < 2) return null;
  return (
    <svg class="sparkline" viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={label}>
      <polyline points={values.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" ")} />
    </svg>
  );
}
