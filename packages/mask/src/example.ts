import type { SegmentKind, TurnPart } from "@sft/templates";

/** A run of neighbouring tokens of one segment that share a weight and the reason for it. The spans of an example tile its tokens. */
export interface ExampleSpan {
  /** Token range, end exclusive. */
  readonly start: number;
  readonly end: number;
  readonly kind: SegmentKind;
  readonly role: string | null;
  /** Index of the message in the conversation; null outside every message. */
  readonly message: number | null;
  readonly text: string;
  readonly trained: boolean;
  /** One sentence: the rule that decided. */
  readonly reason: string;
  readonly part: TurnPart;
  /** Path of the field inside the message; null unless kind is "content". */
  readonly field: string | null;
  /** UTF-16 range in that field for content; in the segment's own text otherwise. */
  readonly charStart: number;
  readonly charEnd: number;
  readonly weight: number;
}

/** What a reader of one example should know; `code` is stable, `token` the index of the token concerned. */
export interface ExampleWarning {
  readonly code:
    | "all-masked"
    | "no-terminator"
    | "terminator-cut"
    | "answer-cut"
    | "prompt-cut"
    | "prompt-shortened"
    | "dropped"
    | "straddling-token"
    | "terminator-in-content"
    | "eos-stripped"
    | "joint-refused"
    | "turns-split";
  readonly message: string;
  /** For what truncation cut: its place in the whole row. */
  readonly token: number | null;
}

/** Why an example must not be trained: it was longer than `maxLength` and its truncation strategy could not mend that. */
export interface DropReason {
  readonly code: "over-long" | "cannot-shorten";
  /** Tokens of the whole example. */
  readonly length: number;
  readonly maxLength: number;
  readonly message: string;
}

/** One training example: n token ids, n target weights, and the spans that explain them. */
export interface Example {
  readonly ids: Int32Array;
  /** (n) float32: weights[i] belongs to token ids[i] as a target; weights[0] is always 0, since nothing predicts the first token. */
  readonly weights: Float32Array;
  readonly spans: readonly ExampleSpan[];
  readonly warnings: readonly ExampleWarning[];
  /** The name of the policy that set the weights. */
  readonly policy: string;
  /** Set when the example was dropped; it then keeps its ids for inspection and all its weights are 0. */
  readonly dropped: DropReason | null;
  readonly row?: number;
}
