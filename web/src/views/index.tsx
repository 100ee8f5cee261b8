import type { ComponentType } from "preact";
import { Segments } from "./segments.tsx";

/** Every view by its address; what a pattern names becomes the view's properties. */
export const views: [pattern: string, view: ComponentType<any>][] = [
  ["", Segments],
  ["/segments", Segments],
];
