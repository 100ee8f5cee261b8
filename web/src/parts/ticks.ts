/** ticks are a few round numbers that cover a range, evenly apart. */
export function ticks(low: number, high: number, about = 4): number[] {
  const rough = Math.max(high - low, 1) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough)!);
  const out: number[] = [];
  for (let t = Math.floor(low / step) * step; ; t += step) {
    out.push(t);
    if (t >= high) break;
  }
  return out.length > 1 ? out : [out[0]!, out[0]! + step];
}
