import { computed, signal } from "@preact/signals";
import { asProblem, type Problem } from "../api/http.ts";
import type { Condition, Origin, Preview } from "../api/types.ts";
import { read } from "../definition/fromjson.ts";
import type { Form } from "../definition/model.ts";
import { partAt, write } from "../definition/tojson.ts";
import { Latest } from "../state/latest.ts";

/** What a definition is sent as: in the form that was edited last. */
export type Body = { text: string } | { from: Origin; where?: Condition };

export type Ask = (body: Body, overlap: string, signal: AbortSignal) => Promise<Preview>;

const wait = 250; // ms without a change before the server counts

/**
 * Draft is a definition while it is edited: as a form and as text. Whichever was
 * edited last is what holds; the other follows as soon as the server has read it.
 */
export class Draft {
  readonly form = signal<Form>({} as Form);
  readonly text = signal("");
  readonly edited = signal<"form" | "text">("form");
  readonly overlap = signal(""); // the segment that is compared with
  readonly preview = signal<Preview | undefined>(undefined); // of the newest definition that was right
  readonly problem = signal<Problem | undefined>(undefined); // with the newest one
  readonly pending = signal(false);

  private readonly written = computed(() => write(this.form.value));
  /** Parts of the form that are left out since something is missing in them. */
  readonly incomplete = computed(() => (this.edited.value === "form" ? this.written.value.incomplete : new Set<number>()));
  /** The part of the form that the problem is about, if it is about one. */
  readonly wrong = computed(() => {
    const path = this.problem.value?.body.at?.path;
    return this.edited.value === "form" && path ? partAt(this.written.value.places, path) : undefined;
  });

  private readonly latest: Latest<{ body: Body; overlap: string }, Preview>;

  constructor(form: Form, ask: Ask) {
    this.latest = new Latest(wait, (q, signal) => ask(q.body, q.overlap, signal), (outcome) => {
      this.pending.value = false;
      if ("error" in outcome) this.problem.value = asProblem(outcome.error);
      else this.take(outcome.value);
    });
    this.setForm(form);
  }

  setForm(form: Form): void {
    this.form.value = form;
    this.edited.value = "form";
    this.count();
  }

  setText(text: string): void {
    this.text.value = text;
    this.edited.value = "text";
    this.count();
  }

  compareWith(segment: string): void {
    this.overlap.value = segment;
    this.count();
  }

  /** count asks the server anew. */
  count(): void {
    this.pending.value = true;
    this.latest.ask({ body: this.body(), overlap: this.overlap.value });
  }

  body(): Body {
    if (this.edited.value === "text") return { text: this.text.value };
    const { from, where } = this.written.value;
    return where ? { from, where } : { from };
  }

  close(): void {
    this.latest.cancel();
  }

  private take(preview: Preview): void {
    this.preview.value = preview;
    this.problem.value = undefined;
    if (this.edited.value === "form") this.text.value = preview.text;
    else this.form.value = read(preview.from, preview.where);
  }
}
