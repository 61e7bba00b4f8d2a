import type { EncodedRow } from "../rows/encodeRows.ts";

/** One row as `sft preview --json` prints it. */
export interface PreviewRow {
  readonly row: number;
  /** The rendered text. */
  readonly text: string;
  readonly ids: readonly number[];
  /** weights[i] belongs to the token ids[i] as a target. */
  readonly weights: readonly number[];
  readonly spans: readonly PreviewSpan[];
  readonly warnings: readonly { readonly code: string; readonly message: string; readonly token: number | null }[];
}

export interface PreviewSpan {
  /** Token range, end exclusive. */
  readonly start: number;
  readonly end: number;
  readonly kind: string;
  readonly role: string | null;
  readonly message: number | null;
  readonly text: string;
  readonly trained: boolean;
  readonly reason: string;
}

export function previewRow({ place, rendering, example }: EncodedRow): PreviewRow {
  return {
    row: place.row,
    text: rendering.segments.map((segment) => segment.text).join(""),
    ids: Array.from(example.ids),
    weights: Array.from(example.weights),
    spans: example.spans.map(({ start, end, kind, role, message, text, trained, reason }) => ({
      start,
      end,
      kind,
      role,
      message,
      text,
      trained,
      reason,
    })),
    warnings: [...example.warnings, ...(rendering.warnings ?? []).map(({ code, message }) => ({ code, message, token: null }))],
  };
}
