import type { Example, ExampleSpan } from "./example.ts";

/** Why one token is trained or not. */
export interface TokenExplanation {
  readonly index: number;
  readonly id: number;
  /** The token decoded alone; its span's text where no tokenizer was given. */
  readonly text: string;
  readonly weight: number;
  readonly trained: boolean;
  readonly reason: string;
  readonly span: ExampleSpan;
}

/** One explanation a token, in order. */
export function explain(
  example: Pick<Example, "ids" | "spans">,
  tokenizer?: { decode(ids: ArrayLike<number>): string },
): readonly TokenExplanation[] {
  return example.spans.flatMap((span) =>
    Array.from({ length: span.end - span.start }, (_, i): TokenExplanation => {
      const index = span.start + i;
      const id = example.ids[index];
      const text = tokenizer === undefined ? span.text : tokenizer.decode([id]);
      return { index, id, text, weight: span.weight, trained: span.trained, reason: span.reason, span };
    }),
  );
}
