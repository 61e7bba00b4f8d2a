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

/** Which rows are compared, in words, where the recipes do not name the same files; undefined where they do. */
export async function otherRows(before: string, after: string, cwd: string): Promise<string | undefined> {
  const [left, right] = (await bothConfigs(before, after, cwd)).map(({ datasets }) => datasets.map(({ path }) => path));
  const same = left!.length === right!.length && left!.every((path, index) => path === right![index]);
  return same ? undefined : `the recipes name different rows; compared on those of ${before}: ${left!.join(", ")}`;
}

/**
 * The rows of the first recipe whose training differs under the second; rows that both treat alike are passed over. A file that both
 * name is read by each with its own type and columns.
 */
export async function* previewDiff(before: string, after: string, cwd: string): AsyncGenerator<RowDifference> {
  const [left, right] = await bothConfigs(before, after, cwd);
  const [leftSettings, rightSettings] = await Promise.all([settingsOf(left), settingsOf(right)]);
  for (const source of left.datasets) {
    const rightSource = right.datasets.find(({ path }) => path === source.path) ?? source;
    for await (const { row, line, value } of readRows(source.path)) {
      const place: RowPlace = { file: source.path, row, ...(line === undefined ? {} : { line }) };
      const spansOf = (own: typeof source, settings: EncodeSettings) => ({
        spans: encodeRow(value, place, own, settings).flatMap(({ example }) => example.spans),
      });
      const changes = diffMasks(spansOf(source, leftSettings), spansOf(rightSource, rightSettings));
      if (changes.length > 0) yield { row, changes };
    }
  }
}

async function bothConfigs(before: string, after: string, cwd: string): Promise<readonly [RunConfig, RunConfig]> {
  const [left, right] = await Promise.all([resolveRunConfig(before, {}, cwd), resolveRunConfig(after, {}, cwd)]);
  return [left.config, right.config];
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
