import { connection } from "../state/live.ts";
import { clock } from "./format.ts";

/** ConnectionState says how old what is shown is, in words. */
export function ConnectionState() {
  const c = connection.value;
  const asOf = c.asOf && `as of ${clock(c.asOf)}`;
  if (c.state === "live" && c.fresh) {
    return (
      <p class="connection live" title={`Everything up to ${clock(c.asOf)} is counted`}>
        <span class="dot" aria-hidden="true" /> Live
      </p>
    );
  }
  if (c.state === "live") {
    return (
      <p class="connection behind" role="status" title={c.missing.join("\n")}>
        <span class="dot" aria-hidden="true" /> {asOf}, catching up
      </p>
    );
  }
  return (
    <p class={`connection ${c.state}`} role="status">
      <span class="dot" aria-hidden="true" /> {c.state === "connecting" ? "Connecting" : [asOf || "Not connected", "reconnecting"].join(", ")}
    </p>
  );
}
