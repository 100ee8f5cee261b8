import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { compact, count } from "./format.ts";
import { ticks } from "./ticks.ts";

/** Series is a line, or bars that stand on zero (below it, if the values are to be shown so). */
export interface Series {
  name: string;
  values: number[];
  kind?: "line" | "bars" | "bars-below"; // default: line
}

interface PlotProps {
  title: string;
  at: string[]; // what each value is of, in words
  series: Series[];
  height?: number;
}

const left = 52;
const right = 12;
const top = 10;
const bottom = 26;

/** Plot shows numbers over time. The arrow keys or the pointer go through its points, and the table behind it has them all. */
export function Plot({ title, at, series, height = 200 }: PlotProps) {
  const [box, width] = useWidth();
  const [chosen, setChosen] = useState<number>();
  const shown = chosen === undefined ? at.length - 1 : Math.min(chosen, at.length - 1);
  const bars = series.some((s) => s.kind?.startsWith("bars"));
  const values = series.flatMap((s) => (s.kind === "bars-below" ? s.values.map((v) => -v) : s.values));
  const marks = ticks(Math.min(...values, ...(bars ? [0] : [])), Math.max(...values, ...(bars ? [0] : [])));
  const [low, high] = [marks[0]!, marks.at(-1)!];
  const slot = (width - left - right) / at.length;
  const x = (i: number) => left + slot * (i + 0.5);
  const y = (v: number) => top + (1 - (v - low) / (high - low)) * (height - top - bottom);
  const say = (i: number) => `${at[i]}: ${series.map((s) => `${s.name} ${count(s.values[i] ?? 0)}`).join(", ")}`;
  const move = (e: KeyboardEvent) => {
    const to = { ArrowLeft: shown - 1, ArrowRight: shown + 1, Home: 0, End: at.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    setChosen(Math.max(0, Math.min(at.length - 1, to)));
  };
  const point = (e: PointerEvent) => {
    const within = e.clientX - (e.currentTarget as Element).getBoundingClientRect().left - left;
    setChosen(Math.max(0, Math.min(at.length - 1, Math.floor(within / slot))));
  };
  if (at.length === 0) return null;
  return (
    <figure class="plot" ref={box}>
      <figcaption>
        <span class="title">{title}</span>
        <Legend series={series} at={at} shown={shown} />
      </figcaption>
      <svg
        width={width}
        height={height}
        role="slider"
        tabIndex={0}
        aria-label={title}
        aria-valuemin={1}
        aria-valuemax={at.length}
        aria-valuenow={shown + 1}
        aria-valuetext={say(shown)}
        onKeyDown={move}
        onPointerMove={point}
        onPointerLeave={() => setChosen(undefined)}
      >
        {marks.map((t) => (
          <g key={t} class={t === 0 && bars ? "mark zero" : "mark"}>
            <line x1={left} x2={width - right} y1={y(t)} y2={y(t)} />
            <text x={left - 8} y={y(t) + 4} text-anchor="end">
              {high < 100_000 ? count(Math.abs(t)) : compact(Math.abs(t))}
            </text>
          </g>
        ))}
        <Days at={at} x={x} y={height - 8} width={width} />
        {chosen !== undefined && <line class="chosen" x1={x(shown)} x2={x(shown)} y1={top} y2={height - bottom} />}
        {series.map((s, n) => (
          <Drawn key={s.name} series={s} n={n} x={x} y={y} slot={slot} shown={chosen === undefined ? -1 : shown} />
        ))}
      </svg>
      <Numbers title={title} at={at} series={series} />
    </figure>
  );
}

interface DrawnProps {
  series: Series;
  n: number;
  x: (i: number) => number;
  y: (v: number) => number;
  slot: number;
  shown: number;
}

function Drawn({ series: s, n, x, y, slot, shown }: DrawnProps) {
  if (s.kind === "bars" || s.kind === "bars-below") {
    const sign = s.kind === "bars" ? 1 : -1;
    const thick = Math.max(1, Math.min(18, slot * 0.7));
    return (
      <g class={`series s${n} filled`}>
        {s.values.map((v, i) => (
          <rect key={i} x={x(i) - thick / 2} width={thick} y={Math.min(y(0), y(sign * v))} height={Math.abs(y(0) - y(v))} rx={1} />
        ))}
      </g>
    );
  }
  return (
    <g class={`series s${n}`}>
      <polyline points={s.values.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" ")} />
      {(shown >= 0 || s.values.length === 1) && <circle cx={x(Math.max(0, shown))} cy={y(s.values[Math.max(0, shown)] ?? 0)} r={3.5} />}
    </g>
  );
}

function Days({ at, x, y, width }: { at: string[]; x: (i: number) => number; y: number; width: number }) {
  const every = Math.max(1, Math.ceil((at.length * 90) / width));
  return (
    <g class="days">
      {at.map((text, i) =>
        (at.length - 1 - i) % every === 0 ? (
          <text key={i} x={Math.min(x(i), width - right)} y={y} text-anchor={i === at.length - 1 && at.length > 1 ? "end" : "middle"}>
            {text}
          </text>
        ) : null,
      )}
    </g>
  );
}

function Legend({ series, at, shown }: { series: Series[]; at: string[]; shown: number }) {
  return (
    <span class="legend">
      <span>{at[shown]}</span>
      {series.map((s, n) => (
        <span key={s.name}>
          <svg class={`series s${n}`} width="14" height="10" aria-hidden="true">
            <line x1="0" x2="14" y1="5" y2="5" />
          </svg>
          {s.name} <strong class="number">{count(s.values[shown] ?? 0)}</strong>
        </span>
      ))}
    </span>
  );
}

function Numbers({ title, at, series }: { title: string; at: string[]; series: Series[] }) {
  return (
    <details>
      <summary>As a table</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
        <table>
          <caption class="unseen">{title}</caption>
          <thead>
            <tr>
              <th scope="col">When</th>
              {series.map((s) => (
                <th key={s.name} scope="col" class="number">
                  {s.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {at.map((when, i) => (
              <tr key={i}>
                <th scope="row">{when}</th>
                {series.map((s) => (
                  <td key={s.name} class="number">
                    {count(s.values[i] ?? 0)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function useWidth() {
  const box = useRef<HTMLElement>(null);
  const [width, setWidth] = useState(600);
  useLayoutEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(240, Math.floor(entry.contentRect.width))));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return [box, width] as const;
}
