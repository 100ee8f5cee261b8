import type { Size } from "../state/sizes.ts";
import { count } from "./format.ts";

/** SizeCount is a number of a segment, or how far the segment is composed. */
export function SizeCount({ size, of = "size" }: { size: Size | undefined; of?: "size" | "sendable" }) {
  const n = size?.[of];
  if (n !== undefined) return <>{count(n)}</>;
  if (size?.composed) return <span class="hint">{`composing ${size.composed.done}/${size.composed.of}`}</span>;
  return <span class="hint">–</span>;
}
