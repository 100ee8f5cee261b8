/** Outcome is what became of a question: the answer, or what was thrown instead. */
export type Outcome<T> = { value: T } | { error: unknown };

/**
 * Latest asks questions that come faster than answers: it waits until there was
 * no new one for a moment, gives up on the one before, and tells of the answer
 * to the last one only.
 */
export class Latest<Q, A> {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stop: AbortController | undefined;
  private readonly wait: number;
  private readonly answer: (question: Q, signal: AbortSignal) => Promise<A>;
  private readonly settle: (outcome: Outcome<A>, question: Q) => void;

  constructor(wait: number, answer: (question: Q, signal: AbortSignal) => Promise<A>, settle: (outcome: Outcome<A>, question: Q) => void) {
    this.wait = wait; // ms
    this.answer = answer;
    this.settle = settle;
  }

  ask(question: Q): void {
    this.cancel();
    this.timer = setTimeout(() => void this.run(question), this.wait);
  }

  cancel(): void {
    clearTimeout(this.timer);
    this.stop?.abort();
  }

  private async run(question: Q): Promise<void> {
    const stop = (this.stop = new AbortController());
    let outcome: Outcome<A>;
    try {
      outcome = { value: await this.answer(question, stop.signal) };
    } catch (error) {
      outcome = { error };
    }
    if (!stop.signal.aborted) this.settle(outcome, question);
  }
}
