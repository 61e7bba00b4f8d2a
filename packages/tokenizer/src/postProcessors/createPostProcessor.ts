import { TokenizerFormatError, UnknownComponentError } from "../errors.ts";
import { arrayField, asObject, booleanField, stringField, type JsonObject } from "../jsonFields.ts";
import { trimSpaceOffsets } from "./trimSpaceOffsets.ts";

/** The tokens of a text; `offsets` holds start and end of each. */
export interface TokenRun {
  readonly ids: number[];
  readonly offsets: number[];
  /** By index, the source text of tokens that stand for it without being it. */
  readonly sourceTexts: ReadonlyMap<number, string>;
}

export interface PostProcessor {
  /** Trims the offsets of `run` in place and, if asked, adds the special tokens of the template with the range 0, 0. */
  apply(run: TokenRun, text: string, addSpecialTokens: boolean): TokenRun;
}

type Step = PostProcessor["apply"];

const KNOWN = ["BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"] as const;

/** Builds the `post_processor` of tokenizer.json; null stands for none. `tokenOf` names an id. */
export function createPostProcessor(value: unknown, tokenOf: (id: number) => string | null): PostProcessor {
  return {
    apply:
      value === null || value === undefined
        ? (run) => run
        : build(asObject(value, "tokenizer.json: post_processor"), "post_processor", tokenOf),
  };
}

function build(json: JsonObject, path: string, tokenOf: (id: number) => string | null): Step {
  const where = `tokenizer.json: ${path}`;
  const type = stringField(json, "type", where);
  const trim =
    (keepFirst: boolean): Step =>
    (run, text) => {
      trimSpaceOffsets(run, text, keepFirst, tokenOf);
      return run;
    };
  switch (type as (typeof KNOWN)[number]) {
    case "Sequence": {
      const steps = arrayField(json, "processors", where).map((step, index) => {
        const stepPath = `${path}.processors.${index}`;
        return build(asObject(step, `tokenizer.json: ${stepPath}`), stepPath, tokenOf);
      });
      return (run, text, addSpecialTokens) => steps.reduce((current, step) => step(current, text, addSpecialTokens), run);
    }
    case "ByteLevel":
      return booleanField(json, "trim_offsets", where, true) ? trim(booleanField(json, "add_prefix_space", where, true)) : (run) => run;
    case "TemplateProcessing": {
      const template = readTemplate(json, where);
      return (run, _text, addSpecialTokens) => (addSpecialTokens ? fill(template, run) : run);
    }
    case "BertProcessing":
    case "RobertaProcessing": {
      const template: TemplatePiece[] = [[readTokenPair(json, "cls", where)], "sequence", [readTokenPair(json, "sep", where)]];
      const trims = type === "RobertaProcessing" && booleanField(json, "trim_offsets", where, true);
      const trimStep = trims ? trim(booleanField(json, "add_prefix_space", where, true)) : null;
      return (run, text, addSpecialTokens) => {
        trimStep?.(run, text, addSpecialTokens);
        return addSpecialTokens ? fill(template, run) : run;
      };
    }
    default:
      throw new UnknownComponentError(path, type, KNOWN);
  }
}

/** The ids of a special token, or the place of the text. */
type TemplatePiece = readonly number[] | "sequence";

function fill(template: readonly TemplatePiece[], run: TokenRun): TokenRun {
  const filled = { ids: [] as number[], offsets: [] as number[], sourceTexts: new Map<number, string>() };
  for (const piece of template) {
    if (piece === "sequence") {
      for (const [index, text] of run.sourceTexts) filled.sourceTexts.set(filled.ids.length + index, text);
      for (const id of run.ids) filled.ids.push(id);
      for (const offset of run.offsets) filled.offsets.push(offset);
    } else {
      for (const id of piece) {
        filled.ids.push(id);
        filled.offsets.push(0, 0);
      }
    }
  }
  return filled;
}

function readTemplate(json: JsonObject, path: string): TemplatePiece[] {
  const specials = asObject(json["special_tokens"] ?? {}, `${path}.special_tokens`);
  return arrayField(json, "single", path).map((value, index) => {
    const where = `${path}.single.${index}`;
    const piece = asObject(value, where);
    if ("Sequence" in piece) return "sequence";
    if (!("SpecialToken" in piece))
      throw new UnknownComponentError(where, Object.keys(piece)[0] ?? "nothing", ["Sequence", "SpecialToken"]);
    const name = stringField(asObject(piece["SpecialToken"], where), "id", where);
    const special = asObject(specials[name], `${path}.special_tokens[${JSON.stringify(name)}]`);
    return arrayField(special, "ids", `${path}.special_tokens[${JSON.stringify(name)}]`).map((id) => {
      if (typeof id !== "number") throw new TokenizerFormatError(`${path}.special_tokens[${JSON.stringify(name)}].ids`, "ids", id);
      return id;
    });
  });
}

function readTokenPair(json: JsonObject, key: string, path: string): number {
  const pair = json[key];
  if (!Array.isArray(pair) || typeof pair[1] !== "number") throw new TokenizerFormatError(`${path}.${key}`, "[token, id]", pair);
  return pair[1];
}
