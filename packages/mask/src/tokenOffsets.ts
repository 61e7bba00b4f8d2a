/** Token ids with the place of each in the encoded text: offsets[2i], offsets[2i+1] = start, end in UTF-16 code units. */
export interface TokenOffsets {
  readonly ids: Int32Array;
  readonly offsets: Int32Array;
}

/** What becomes of control-token text inside a record: kept as plain text, refused, or let through as a control token. */
export type ControlTokenPolicy = "literal" | "reject" | "allow";
