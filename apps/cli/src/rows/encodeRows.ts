import { readRows } from "@sft/data";
import { defaultMaskPolicy, encodeExamples, type Example, type MaskPolicy, type MaskTokenizer, type TruncationStrategy } from "@sft/mask";
import { expandTurns, TemplateError, type Conversation, type Rendering } from "@sft/templates";
import { CliError } from "../failure/cliError.ts";
import type { ChosenTemplate, TemplateForFormat } from "./chooseTemplate.ts";
import { ColumnWatch } from "./columns.ts";
import { readRow, type RowLayout } from "./readRow.ts";
import { inOurWords } from "./rowFlags.ts";
import { describePlace, type RowPlace } from "./rowPlace.ts";

/** A file of rows. */
export interface RowSource extends RowLayout {
  readonly path: string;
}

export interface EncodeSettings {
  readonly tokenizer: MaskTokenizer;
  readonly templateFor: TemplateForFormat;
  /** Policy or preset; by the row's format when absent. */
  readonly mask?: string | MaskPolicy | undefined;
  /** In tokens. */
  readonly maxLength?: number | undefined;
  readonly truncation?: TruncationStrategy | undefined;
}

/** A row on its way to the model, with everything that can be asked about it. */
export interface EncodedRow {
  readonly place: RowPlace;
  readonly conversation: Conversation;
  /** Fields of the record that nothing reads. */
  readonly unread: readonly string[];
  readonly chosen: ChosenTemplate;
  readonly rendering: Rendering;
  readonly example: Example;
}

/** A row without what only explains it: the rendering, and the spans of its example, weigh ten times what is trained. */
export type TrainingRow = Omit<EncodedRow, "rendering">;

/** Texts of the tokenizer's own tokens, for templates that write them. */
export function specialTokensOf(tokenizer: Pick<MaskTokenizer, "bos" | "eos">): { readonly bos?: string; readonly eos?: string } {
  const { bos, eos } = tokenizer;
  return { ...(bos ? { bos: bos.text } : {}), ...(eos ? { eos: eos.text } : {}) };
}

/**
 * Whether rows open with BOS although the template does not write it: built-in styles leave that to the tokenizer's own
 * `add_bos_token`; a model's Jinja template writes everything itself.
 */
export function bosOption({ source }: Pick<ChosenTemplate, "source">, tokenizer: MaskTokenizer): { readonly bos?: true } {
  return source === null && tokenizer.addBosToken === true ? { bos: true } : {};
}

/** Reads, renders and encodes the rows of files, one after the other. Errors name file, line and row. */
export async function* encodeRows(sources: readonly RowSource[], settings: EncodeSettings): AsyncGenerator<EncodedRow> {
  for (const source of sources) {
    const watch = new ColumnWatch(source.columns);
    for await (const { row, line, value } of readRows(source.path)) {
      watch.see(value);
      const place: RowPlace = { file: source.path, row, ...(line === undefined ? {} : { line }) };
      yield* encodeRow(value, place, source, settings);
    }
    watch.end(source.path);
  }
}

/**
 * One row; several examples under the truncation "splitTurns", and where the template rewrites history (Qwen3 drops
 * earlier thoughts) and every assistant turn is to be trained: then one example a turn, each as the model would see it.
 */
export function encodeRow(value: unknown, place: RowPlace, layout: RowLayout, settings: EncodeSettings): EncodedRow[] {
  const { tokenizer, templateFor, mask, maxLength, truncation } = settings;
  const { conversation, unread } = readRow(value, place, layout);
  try {
    const chosen = templateFor(conversation.record!.format);
    const renderOptions = { specialTokens: specialTokensOf(tokenizer) };
    const trainsEveryTurn = (mask ?? defaultMaskPolicy(conversation).name) === "assistant";
    const turns = trainsEveryTurn ? expandTurns(chosen.template, conversation, renderOptions) : [conversation];
    return turns.flatMap((turn) => {
      const rendering = chosen.template.render(turn, renderOptions);
      const examples = encodeExamples(rendering, tokenizer, {
        row: place.row,
        ...bosOption(chosen, tokenizer),
        ...(mask === undefined ? {} : { mask }),
        ...(maxLength === undefined ? {} : { maxLength }),
        ...(truncation === undefined ? {} : { truncation }),
      });
      return examples.map((example) => ({ place, conversation: turn, unread, chosen, rendering, example }));
    });
  } catch (error) {
    throw placed(error, place);
  }
}

/** The same error, its message opened by the row's place; what a library's caller is to do, in terms of this program. */
function placed(error: unknown, place: RowPlace): unknown {
  if (error instanceof TemplateError && error.code === "missing-special-token") {
    const token = String(error.details.token);
    return new CliError(
      "bad-config",
      `${describePlace(place)}: the template writes the tokenizer's ${token.toUpperCase()} token, and the tokenizer's folder names none.`,
      `Name it in tokenizer_config.json, "${token}_token": "...", or choose a template that ends turns with a text of its own, such as chatml.`,
      { cause: error },
    );
  }
  if (error instanceof TemplateError && error.code === "unsupported-field") {
    const [message] = error.message.split(` ${error.hint}`);
    const hint = 'Choose the model\'s own chat template, "tokenizer", or a .jinja file that writes them, or take them out of the rows.';
    return new CliError("bad-config", `${describePlace(place)}: ${message}`, hint, { cause: error });
  }
  if (error instanceof Error && !error.message.includes(place.file))
    error.message = `${describePlace(place)}: ${inOurWords(error.message).replace(/^row \d+: /, "")}`;
  return error;
}
