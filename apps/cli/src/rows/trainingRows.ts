import { measureSupervisedShare, type SupervisedShare } from "@sft/mask";
import { CliError } from "../failure/cliError.ts";
import type { ChosenTemplate } from "./chooseTemplate.ts";
import { encodeRows, type EncodeSettings, type RowSource, type TrainingRow } from "./encodeRows.ts";
import { describePlace } from "./rowPlace.ts";
import { counted } from "../terminal/counted.ts";
import { collectCautions } from "./rowCautions.ts";

/** Rows that can be trained, and what became of the others. */
export interface TrainingRows {
  readonly rows: readonly TrainingRow[];
  readonly share: SupervisedShare;
  /** The one template of all rows. */
  readonly chosen: ChosenTemplate;
  /** Name of the mask policy of the rows; several, joined, where formats differ. */
  readonly policy: string;
  /** "3 rows dropped: longer than 128 tokens", one a reason; and the fields that nothing reads. */
  readonly losses: readonly string[];
  /** What the rows teach although they do not say so, one line a kind (see {@link collectCautions}). */
  readonly cautions: readonly string[];
}

export interface TrainingRowsOptions extends EncodeSettings {
  readonly maxLength: number;
  /** True when the user chose what becomes of long rows; otherwise one that does not fit is an error. */
  readonly lengthIsChosen: boolean;
}

/**
 * Encodes a data set for training or evaluation.
 * @throws CliError "row-too-long", "no-supervised-rows", "bad-config" for rows that need two templates; and what reading throws
 */
export async function readTrainingRows(sources: readonly RowSource[], options: TrainingRowsOptions): Promise<TrainingRows> {
  const all: TrainingRow[] = [];
  const cautions = collectCautions(options.tokenizer);
  for await (const row of encodeRows(sources, options)) {
    const { dropped } = row.example;
    if (dropped && !options.lengthIsChosen) {
      throw new CliError(
        "row-too-long",
        `${describePlace(row.place)} has ${dropped.length} tokens; the model has ${dropped.maxLength} positions.`,
        "Set sequence_len to drop longer rows, or truncation to say what becomes of them.",
      );
    }
    if (isTrained(row)) cautions.add(row);
    const { rendering: _, ...kept } = row;
    all.push({ ...kept, example: { ...row.example, spans: [] } });
  }
  const share = measureSupervisedShare(all.map(({ example }) => example));
  const rows = all.filter(isTrained);
  const losses = [
    ...(share.dropped > 0 ? [`${counted(share.dropped, "row")} dropped: longer than ${options.maxLength} tokens`] : []),
    ...(share.allMasked > 0 ? [`${counted(share.allMasked, "row")} dropped: the mask trains none of their tokens${speakersOf(all)}`] : []),
  ];
  const names = sources.map(({ path }) => path).join(", ");
  if (rows.length === 0) {
    throw new CliError(
      "no-supervised-rows",
      `${names}: none of ${counted(all.length, "row")} can be trained (${losses.join("; ")}).`,
      "Look at them with `sft preview`, or choose another train_on or sequence_len.",
    );
  }
  const [first, ...others] = new Map(rows.map(({ chosen }) => [chosen.template.hash, chosen])).values();
  if (others.length > 0) {
    const templates = [first!, ...others].map(({ template }) => template.name).join(" and ");
    throw new CliError(
      "bad-config",
      `${names}: the rows' formats ask for several templates, ${templates}.`,
      "Name one for all rows with chat_template.",
      { usage: true },
    );
  }
  const policy = [...new Set(rows.map(({ example }) => example.policy))].join("+");
  return { rows, share, chosen: first!, policy, losses: [...losses, ...unreadOf(rows)], cautions: cautions.lines() };
}

const isTrained = ({ example }: TrainingRow): boolean => example.dropped === null && example.weights.some((weight) => weight > 0);

/** Which roles speak in masked rows in which no assistant does: a role of another name is never trained. */
function speakersOf(rows: readonly TrainingRow[]): string {
  const conversations = rows.filter((row) => row.example.dropped === null && !isTrained(row)).map(({ conversation }) => conversation);
  const silent = conversations.filter(({ messages }) => messages.every(({ role }) => role !== "assistant"));
  if (silent.length === 0) return "";
  const roles = [...new Set(silent.flatMap(({ messages }) => messages.map(({ role }) => role)))];
  return `; in ${counted(silent.length, "row")} no message is an assistant's, and roles are ${roles.join(", ")}`;
}

/** "fields that nothing reads: context (12 rows), id (40 rows)": a column of another name than the format's is lost without a word otherwise. */
function unreadOf(rows: readonly TrainingRow[]): string[] {
  const counts = new Map<string, number>();
  // Several examples of one record share its place.
  const records = new Map(rows.map(({ place, unread }) => [place, unread]));
  for (const unread of records.values()) for (const name of unread) counts.set(name, (counts.get(name) ?? 0) + 1);
  const names = [...counts].map(([name, count]) => `${name} (${counted(count, "row")})`);
  return names.length === 0 ? [] : [`fields that nothing reads: ${names.join(", ")}`];
}
