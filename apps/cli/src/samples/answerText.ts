import type { Tokenizer } from "@sft/tokenizer";

/** Grows an answer's text token by token: gives out only what later tokens can no longer change, and looks for stop strings. */
export class AnswerText {
  private readonly tokenizer: Tokenizer;
  private readonly stops: readonly string[];
  private given = "";

  constructor(tokenizer: Tokenizer, stops: readonly string[] = []) {
    this.tokenizer = tokenizer;
    this.stops = stops.filter((stop) => stop !== "");
  }

  /** Text of the whole answer so far, up to the first stop string. */
  textOf(tokens: readonly number[]): string {
    const text = tokens.length === 0 ? "" : this.tokenizer.decode(tokens);
    const ends = this.stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
    return ends.length === 0 ? text : text.slice(0, Math.min(...ends));
  }

  /** True when a stop string has come. */
  hasStopped(tokens: readonly number[]): boolean {
    return tokens.length > 0 && this.stops.some((stop) => this.tokenizer.decode(tokens).includes(stop));
  }

  /** What is new and settled: no half of a character, and no beginning of a stop string. */
  next(tokens: readonly number[], finished = false): string {
    let text = this.textOf(tokens);
    if (!finished && !this.hasStopped(tokens)) {
      text = text.replace(/\uFFFD+$/u, "");
      text = text.slice(0, text.length - this.pendingStop(text));
    }
    const fresh = text.slice(this.given.length);
    if (fresh !== "") this.given = text;
    return fresh;
  }

  /** Length of the longest end of the text that begins a stop string. */
  private pendingStop(text: string): number {
    return Math.max(
      0,
      ...this.stops.map((stop) => {
        for (let length = Math.min(stop.length - 1, text.length); length > 0; length--)
          if (text.endsWith(stop.slice(0, length))) return length;
        return 0;
      }),
    );
  }
}
