import type { MarkedText } from "./markedText.ts";

export interface JinjaLimits {
  /** Evaluation steps of one rendering. */
  readonly steps: number;
  /** UTF-16 units of the rendered text, and of every text on the way. */
  readonly characters: number;
  /** Macro calls inside one another. */
  readonly depth: number;
}

/** Five million steps take about a second, and a long conversation a few thousand; 32 Mi characters hold the largest field of a data set several times. */
export const defaultLimits: JinjaLimits = { steps: 5_000_000, characters: 32 * 2 ** 20, depth: 200 };

/** A template wanted more time or room than it may have. */
export class JinjaLimitError extends Error {
  override readonly name = "JinjaLimitError";
  readonly limit: keyof JinjaLimits;
  constructor(limit: keyof JinjaLimits, allowed: number) {
    super(`more than ${allowed} ${limit === "depth" ? "calls inside one another" : limit}`);
    this.limit = limit;
  }
}

/** Counts what a rendering costs, in steps and not in seconds, so that the same template always ends the same way. */
export class Budget {
  readonly limits: JinjaLimits;
  #steps = 0;
  #depth = 0;

  constructor(limits: JinjaLimits) {
    this.limits = limits;
  }

  step(count = 1): void {
    this.#steps += count;
    if (this.#steps > this.limits.steps) throw new JinjaLimitError("steps", this.limits.steps);
  }

  /** Refuses a text of this length before it is made, and charges the work of making it. */
  characters(length: number): void {
    if (length > this.limits.characters) throw new JinjaLimitError("characters", this.limits.characters);
    this.step(length >>> 8);
  }

  /** Charges a text that was made, with its runs. */
  made(marked: MarkedText): MarkedText {
    this.characters(marked.text.length);
    this.step(marked.runs.length);
    return marked;
  }

  nested<T>(inside: () => T): T {
    if (++this.#depth > this.limits.depth) throw new JinjaLimitError("depth", this.limits.depth);
    try {
      return inside();
    } finally {
      this.#depth--;
    }
  }
}
