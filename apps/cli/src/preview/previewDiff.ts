import { readRows } from "@sft/data";
import { diffMasks, type MaskChange } from "@sft/mask";
import { loadTokenizer } from "@sft/tokenizer/node";
import { chooseTemplate } from "../rows/chooseTemplate.ts";
import { encodeRow, type EncodeSettings } from "../rows/encodeRows.ts";
import type { RowPlace } from "../rows/rowPlace.ts";
import { resolveRunConfig } from "../runConfig/resolveRunConfig.ts";
import type { RunConfig } from "../runConfig/schema.ts";

/** What two recipes do differently with one row. */
export interface RowDifference {
  readonly row: number;
  readonly changes: readonly MaskChange[];
}

/** The rows of the first recipe whose training differs under the second; rows that both treat alike are passed over. */
export async function* previewDiff(before: string, after: string, cwd: string): AsyncGenerator<RowDifference> {
  const [{ config: left }, { config: right }] = await Promise.all([resolveRunConfig(before, {}, cwd), resolveRunConfig(after, {}, cwd)]);
  const [leftSettings, rightSettings] = await Promise.all([settingsOf(left), settingsOf(right)]);
  for (const source of left.datasets) {
    for await (const { row, line, value } of readRows(source.path)) {
      const place: RowPlace = { file: source.path, row, ...(line === undefined ? {} : { line }) };
      const spans = [leftSettings, rightSettings].map((settings) =>
        encodeRow(value, place, source, settings).flatMap(({ example }) => example.spans),
      );
      const changes = diffMasks({ spans: spans[0]! }, { spans: spans[1]! });
      if (changes.length > 0) yield { row, changes };
    }
  }
}

async function settingsOf(config: RunConfig): Promise<EncodeSettings> {
  const tokenizer = await loadTokenizer(config.tokenizer ?? config.base_model);
  return {
    tokenizer,
    templateFor: await chooseTemplate(config.chat_template, tokenizer),
    mask: config.train_on,
    maxLength: config.sequence_len,
    truncation: config.truncation,
  };
}
