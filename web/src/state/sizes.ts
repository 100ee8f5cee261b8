import type { Composed, Freshness } from "../api/types.ts";

/** Size is a segment's, or how far it is composed before it has one. */
export interface Size {
  size?: number;
  sendable?: number;
  entered?: number;
  exited?: number;
  composed?: Composed;
}

export type Sizes = ReadonlyMap<string, Size>;

interface SizeEvent {
  segment: string;
  size?: number;
  sendable?: number;
  entered_total?: number;
  exited_total?: number;
  composed?: Composed;
}

export type SizesEvent =
  | { name: "snapshot"; data: { sizes: SizeEvent[]; freshness: Freshness } }
  | { name: "size"; data: SizeEvent }
  | { name: "deleted"; data: { segment: string } };

/** reduce is the sizes after some events. A snapshot replaces all that was. */
export function reduce(sizes: Sizes, events: SizesEvent[]): Sizes {
  const next = new Map(sizes);
  for (const event of events) {
    if (event.name === "snapshot") {
      next.clear();
      for (const s of event.data.sizes) next.set(s.segment, sizeOf(s));
    } else if (event.name === "deleted") {
      next.delete(event.data.segment);
    } else {
      next.set(event.data.segment, sizeOf(event.data));
    }
  }
  return next;
}

function sizeOf(e: SizeEvent): Size {
  if (e.size === undefined) return e.composed ? { composed: e.composed } : {};
  return { size: e.size, sendable: e.sendable ?? 0, entered: e.entered_total ?? 0, exited: e.exited_total ?? 0 };
}
