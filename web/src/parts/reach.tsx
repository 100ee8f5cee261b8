import type { Reach } from "../api/types.ts";
import { Bars } from "./bars.tsx";

/** Reached is how many of the members can be sent to, and what keeps the others from it. */
export function Reached({ reach: r }: { reach: Reach }) {
  return (
    <Bars
      caption="Members who can be reached"
      rows={[
        { name: "Members", value: r.members },
        { name: "With a valid phone", value: r.valid_phone },
        { name: "Opted in", value: r.opted_in },
        { name: "Sendable: valid phone and opted in", value: r.sendable },
      ]}
    />
  );
}
