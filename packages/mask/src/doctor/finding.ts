import type { Conversation, Rendering } from "@sft/templates";
import type { Example } from "../example.ts";
import type { MaskTokenizer } from "../maskTokenizer.ts";

/** `error` spoils training, `warning` probably does, `note` is worth knowing. */
export type Severity = "error" | "warning" | "note";

/** One thing that is wrong with the data, where it is and what to do. */
export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  /** Row number (`example.row`, else its place in the list); null for a finding about the whole data. */
  readonly row: number | null;
  /** Token range, end exclusive; null where no token is to blame. */
  readonly tokens: { readonly start: number; readonly end: number } | null;
  readonly message: string;
  readonly fix: string;
}

/** A row as the doctor reads it: what was rendered and what became of it. */
export interface DoctorRow {
  readonly rendering: Rendering;
  readonly example: Example;
}

/** What rules may look at besides the row. */
export interface DoctorContext {
  readonly tokenizer: MaskTokenizer;
  /** For "prefix-unstable": the template that rendered the rows. */
  readonly render?: (conversation: Conversation) => Rendering;
  readonly maxLength?: number;
  /** Supervised share of all tokens that raises no question. */
  readonly usualShare: { readonly min: number; readonly max: number };
}

/** A finding before the doctor adds rule, severity and row; a rule may set its own severity. */
export type Symptom = Pick<Finding, "tokens" | "message" | "fix"> & { readonly severity?: Severity };

/** One rule: a row of the table in rules/index.ts. `checkRow` sees one row, `checkAll` the whole data. */
export interface DoctorRule {
  readonly id: string;
  readonly severity: Severity;
  /** What the rule looks for, in one sentence. */
  readonly description: string;
  readonly checkRow?: (row: DoctorRow, context: DoctorContext) => readonly Symptom[];
  readonly checkAll?: (rows: readonly DoctorRow[], context: DoctorContext) => readonly (Symptom & { readonly index: number | null })[];
}
