import { doctor, doctorRules, type Finding, type MaskTokenizer } from "@sft/mask";
import type { EncodedRow } from "./encodeRows.ts";
import { describePlace } from "./rowPlace.ts";
import { counted } from "../terminal/counted.ts";

/** What of the doctor's rules a run says by itself: that it trains something else than the rows hold. */
const watched: ReadonlySet<string> = new Set([
  "template-omits",
  "no-terminator",
  "double-terminator",
  "truncated-answer",
  "empty-turn",
  "lost-character",
]);
const rules = Object.fromEntries(doctorRules.filter(({ id }) => !watched.has(id)).map(({ id }) => [id, "off" as const]));

/** Collects the ways in which rows would teach something else than they say. */
export interface RowCautions {
  add(row: EncodedRow): void;
  /** One line for each way, with the number of its rows and the first of them. */
  lines(): string[];
}

export function collectCautions(tokenizer: MaskTokenizer): RowCautions {
  const found = new Map<string, { count: number; readonly first: string }>();
  return {
    add(row) {
      const findings = doctor([row], { tokenizer, rules }).filter(isGrave);
      for (const [kind, { message }] of new Map(findings.map((finding) => [`${finding.rule} ${finding.severity}`, finding]))) {
        const known = found.get(kind);
        if (known) known.count++;
        else found.set(kind, { count: 1, first: `${describePlace(row.place)}: ${message}` });
      }
    },
    lines: () => [...found].map(([kind, { count, first }]) => `${kind.split(" ", 1)[0]}: ${counted(count, "row")}, the first is ${first}`),
  };
}

/** An empty message that is only read, not trained, is the writer's affair. */
const isGrave = ({ rule, severity }: Finding): boolean => rule !== "empty-turn" || severity === "error";
