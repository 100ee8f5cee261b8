import type { Reach } from "../api/types.ts";
import { Bars } from "./bars.tsx";

/** Reached is how many of the members can be sent to, and what keeps the others from it. */
export function Reached({ reach: r }: { reach: Reach }) {
  return (
    <Bars
      caption="Members who can be reached"
      rows={[
        { name: "Members", value: r.members },
        { name: "with a valid phone", value: r.valid_phone },
        { name: "opted in", value: r.opted_in },
        { name: "Sendable: both", value: r.sendable },
      ]}
    />
  );
}
