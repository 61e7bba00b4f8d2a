import { readRows } from "@sft/data";
import { defaultMaskPolicy } from "@sft/mask";
import type { Tokenizer } from "@sft/tokenizer";
import type { RecordFormat } from "@sft/templates";
import { chooseTemplate } from "../rows/chooseTemplate.ts";
import { ColumnWatch } from "../rows/columns.ts";
import { encodeRow, type EncodedRow, type RowSource } from "../rows/encodeRows.ts";
import { readRow } from "../rows/readRow.ts";
import type { RowPlace } from "../rows/rowPlace.ts";
import { promptsOfRows } from "../samples/answerPrompts.ts";

/** What the first rows of files say about how to train on them. */
export interface RowsSeen {
  /** Record formats in the order in which they were met. */
  readonly formats: readonly RecordFormat[];
  /** Records looked at. */
  readonly count: number;
  /** Whether the files hold no others. */
  readonly all: boolean;
  /** Name of the template that suits them all. */
  readonly template: string;
  /** Whether their formats, left to themselves, would ask for several. */
  readonly needsOneTemplate: boolean;
  /** Name of the mask policy that suits them; undefined where they ask for several. */
  readonly policy: string | undefined;
  /** What only a tokenizer can tell. */
  readonly encoded: EncodedLook | undefined;
}

export interface EncodedLook {
  /** Tokens of each example that can be trained, shortest first. */
  readonly lengths: readonly number[];
  /** Whether the rows have prompts that a model can be asked. */
  readonly haveQuestions: boolean;
}

/** Looks at the first `limit` rows of each file. Throws what reading, rendering and encoding them throws, with their places. */
export async function lookAtRows(sources: readonly RowSource[], tokenizer: Tokenizer | undefined, limit: number): Promise<RowsSeen> {
  const rows: { readonly value: unknown; readonly place: RowPlace; readonly source: RowSource }[] = [];
  let all = true;
  for (const source of sources) {
    let count = 0;
    const watch = new ColumnWatch(source.columns);
    for await (const { row, line, value } of readRows(source.path)) {
      watch.see(value);
      if (count++ >= limit) {
        all = false;
        // A column that the first rows lack may come later.
        if (watch.isContent) break;
        continue;
      }
      rows.push({ value, place: { file: source.path, row, ...(line === undefined ? {} : { line }) }, source });
    }
    watch.end(source.path);
  }
  const conversations = rows.map(({ value, place, source }) => readRow(value, place, source).conversation);
  const formats = [...new Set(conversations.map(({ record }) => record!.format))];
  const own = { chatTemplate: tokenizer?.chatTemplate ?? null };
  const byFormat = await chooseTemplate(undefined, own);
  const usual = onlyOne(formats.map((format) => byFormat(format).template.name));
  const template = usual ?? (own.chatTemplate === null ? "chatml" : "tokenizer");
  const templateFor = usual === undefined ? await chooseTemplate(template, own) : byFormat;
  const policy = onlyOne(conversations.map((conversation) => defaultMaskPolicy(conversation).name));
  const seen = { formats, count: rows.length, all, template, needsOneTemplate: usual === undefined, policy };
  if (tokenizer === undefined) return { ...seen, encoded: undefined };
  const examples = rows
    .flatMap(({ value, place, source }) => encodeRow(value, place, source, { tokenizer, templateFor }))
    .filter(({ example }) => example.weights.some((weight) => weight > 0));
  const lengths = examples.map(({ example }) => example.ids.length).sort((a, b) => a - b);
  return { ...seen, encoded: { lengths, haveQuestions: haveQuestions(examples, tokenizer) } };
}

/** The name that all of them are; undefined where they differ. */
function onlyOne(names: readonly string[]): string | undefined {
  const [first, ...others] = new Set(names);
  return others.length === 0 ? first : undefined;
}

/** Text rows have no prompt, and a template that rewrites its prompts has none that begins its rows. */
function haveQuestions(rows: readonly EncodedRow[], tokenizer: Tokenizer): boolean {
  try {
    return rows.length > 0 && promptsOfRows(rows, tokenizer).every(({ length }) => length > 0);
  } catch {
    return false;
  }
}
