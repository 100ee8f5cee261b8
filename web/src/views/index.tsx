import type { ComponentType } from "preact";
import { EditSegment, NewSegment } from "./builder.tsx";
import { Lists } from "./lists.tsx";
import { Operate } from "./operate.tsx";
import { Report } from "./report.tsx";
import { SegmentPage } from "./segment.tsx";
import { Segments } from "./segments.tsx";

/** Every view by its address; what a pattern names becomes the view's properties. */
export const views: [pattern: string, view: ComponentType<any>][] = [
  ["", Segments],
  ["/segments", Segments],
  ["/segments/new", NewSegment],
  ["/segments/:id", SegmentPage],
  ["/segments/:id/edit", EditSegment],
  ["/lists", Lists],
  ["/report", Report],
  ["/operate", Operate],
];
