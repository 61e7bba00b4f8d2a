import type { RunConfig } from "../runConfig/schema.ts";
import type { RowsSeen } from "./lookAtRows.ts";

export const methods = ["lora", "full", "qlora"] as const;
export type Method = (typeof methods)[number];

/** Keys of a recipe with values, and what else their lines should say. */
export interface Proposal {
  readonly values: Partial<RunConfig>;
  readonly remarks: Partial<Record<keyof RunConfig, string>>;
}

/** Most rows held out: more make each evaluation longer and its figure hardly surer. */
const mostHeldOut = 200;
const heldOutShare = 0.05;

/** What follows from the method, the rows and the model's positions. Of what cannot be told, nothing is said. */
export function proposeSettings(method: Method, rows: RowsSeen | undefined, positions: number | undefined): Proposal {
  const values: Partial<RunConfig> = {
    adapter: method === "full" ? "none" : "lora",
    ...(method === "qlora" ? { load_in_4bit: true } : {}),
    ...(method === "full" ? {} : { lora_r: 8, lora_alpha: 16 }),
    // All weights move at once: a rate that suits an adapter would tear a pretrained model apart.
    learning_rate: method === "full" ? 2e-5 : 2e-4,
    warmup_ratio: 0.03,
    num_epochs: rows === undefined || rows.all ? 3 : 1,
    micro_batch_size: 4,
    gradient_accumulation_steps: 1,
  };
  if (rows === undefined) return { values, remarks: {} };
  const examples = rows.encoded?.lengths.length ?? rows.count;
  return {
    values: {
      ...values,
      chat_template: rows.template,
      ...(rows.policy === undefined ? {} : { train_on: rows.policy }),
      ...(examples < 2 ? {} : { val_set_size: rows.all && examples * heldOutShare <= mostHeldOut ? heldOutShare : mostHeldOut }),
      ...(examples >= 2 && rows.encoded?.haveQuestions ? { sample_prompts: 4 } : {}),
      ...(rows.encoded && positions !== undefined && examples > 0
        ? { sequence_len: lengthFor(rows.encoded.lengths, rows.all, positions) }
        : {}),
    },
    remarks: {
      ...(rows.encoded && examples === 0
        ? { train_on: "this trains no token of the rows that were looked at; sft preview shows why" }
        : {}),
      ...(rows.needsOneTemplate ? { chat_template: `the rows' formats (${rows.formats.join(", ")}) need one template for all` } : {}),
      ...(rows.encoded && examples > 0 ? { sequence_len: describeLengths(rows, rows.encoded.lengths, positions) } : {}),
    },
  };
}

/** Room for the longest row that was seen, with some for rows that were not, in few shapes; at most the model's positions. */
function lengthFor(lengths: readonly number[], all: boolean, positions: number): number {
  const longest = lengths.at(-1)!;
  const room = all ? Math.ceil(longest / 64) * 64 : 2 ** Math.ceil(Math.log2(longest));
  return Math.min(positions, Math.max(64, room));
}

function describeLengths({ count, all }: RowsSeen, lengths: readonly number[], positions = Infinity): string {
  const most = lengths[Math.ceil(0.95 * lengths.length) - 1]!;
  const rows = all ? (count === 1 ? "the row has" : `the ${count} rows have`) : `the first ${count} rows have`;
  const tooLong = lengths.filter((length) => length > positions).length;
  const lost = tooLong > 0 ? `; ${tooLong} of them pass the model's ${positions} positions` : "";
  const fate = tooLong > 0 || !all ? "; longer rows are dropped unless truncation says otherwise" : "";
  return `${rows} up to ${lengths.at(-1)} tokens, 95 % of them at most ${most}${lost}${fate}`;
}
