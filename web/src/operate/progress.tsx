import { useId } from "preact/hooks";
import { share } from "../parts/format.ts";

/** Progress is how far a job is, as a bar while it runs. */
export function Progress({ name, state, done, of }: { name: string; state: string; done: number; of: number }) {
  const id = useId();
  return (
    <div class="progress">
      <span id={id} class="name">
        {name}
      </span>
      {state === "running" && <progress aria-labelledby={id} max={of || 1} value={done} />}
      <span class={`state ${state}`}>{state === "running" && of > 0 ? `running, ${share(done, of)}` : state}</span>
    </div>
  );
}
