import { strippedRange } from "../pythonWhitespace.ts";
import type { Budget } from "./budget.ts";
import type { Filter } from "./filter.ts";
import { linesOf } from "./lines.ts";
import { concat, literal, mapCharacters, type MarkedText, sliceMarked } from "./markedText.ts";
import { percentFormat } from "./percentFormat.ts";
import { stringMethods } from "./stringMethods.ts";
import { Dict, isTrue, JinjaRuntimeError, List, numberIn, sizeOf, Text, Tuple, wantText } from "./value.ts";
import { toJson, toText } from "./valueText.ts";

const method =
  (name: string): Filter =>
  (value, args, keyword, budget) =>
    stringMethods[name]!(toText(value, budget), args, keyword, budget);

/** Filters that take a value as its text. */
export const textFilters: Readonly<Record<string, Filter>> = {
  trim: (value, args, keyword, budget) => {
    const chars = args[0] ?? keyword.get("chars");
    const self = toText(value, budget);
    const { start, end } = strippedRange(self.text, "both", chars === undefined || chars === null ? undefined : wantText(chars).text);
    return new Text(sliceMarked(self, start, end));
  },
  upper: method("upper"),
  lower: method("lower"),
  title: (value, _args, _keyword, budget) => new Text(titled(toText(value, budget))),
  capitalize: method("capitalize"),
  replace: method("replace"),
  string: (value, _args, _keyword, budget) => new Text(toText(value, budget)),
  tojson: (value, args, keyword, budget) => {
    // The order of transformers' own filter: tojson(ensure_ascii, indent, separators, sort_keys).
    const indent = numberIn(args[1] ?? keyword.get("indent"));
    const separators = args[2] ?? keyword.get("separators");
    const pair = separators instanceof List ? separators.items.map((item) => wantText(item).text) : null;
    if (pair && pair.length !== 2) throw new JinjaRuntimeError("tojson: separators should be two strings");
    if (value === undefined) throw new JinjaRuntimeError("Object of type Undefined is not JSON serializable");
    const style = {
      indent,
      ensureAscii: isTrue(args[0] ?? keyword.get("ensure_ascii")),
      sortKeys: isTrue(args[3] ?? keyword.get("sort_keys")),
      separators: pair as [string, string] | null,
    };
    // Escaping looks at every character.
    budget.step(16 * sizeOf(value));
    return new Text(budget.made(toJson(value, style)));
  },
  indent: (value, args, keyword, budget) => {
    const width = args[0] ?? keyword.get("width") ?? 4;
    const by = width instanceof Text ? width.marked : literal(" ".repeat(Math.min(numberIn(width) ?? 4, budget.limits.characters)));
    const first = isTrue(args[1] ?? keyword.get("first"));
    const blank = isTrue(args[2] ?? keyword.get("blank"));
    return new Text(indented(toText(value, budget), by, first, blank, budget));
  },
  format: (value, args, keyword, budget) =>
    percentFormat(toText(value, budget), keyword.size > 0 ? new Dict(keyword) : new Tuple(args), budget),
  wordcount: (value, _args, _keyword, budget) => toText(value, budget).text.match(/[\p{L}\p{N}\p{M}_]+/gu)?.length ?? 0,
  center: (value, args, keyword, budget) =>
    stringMethods["center"]!(toText(value, budget), [args[0] ?? keyword.get("width") ?? 80], keyword, budget),
};

/** Jinja's filter begins a word behind white space, "-" and opening brackets only; Python's method of that name, behind every non-letter. */
function titled(self: MarkedText): MarkedText {
  let inWord = false;
  return mapCharacters(self, (character) => {
    const separates = /[-\s({[<]/.test(character);
    const changed = separates ? character : inWord ? character.toLowerCase() : character.toUpperCase();
    inWord = !separates;
    return changed;
  });
}

/** Jinja's `indent`: every kind of line end becomes "\n", and an empty line stays as it is unless `blank`. */
function indented(self: MarkedText, by: MarkedText, first: boolean, blank: boolean, budget: Budget): MarkedText {
  const lines = linesOf(self);
  budget.characters(self.text.length + lines.length * by.text.length);
  budget.step(lines.length);
  return concat(
    lines.flatMap(({ line, end }, i) => {
      const isIndented = i === 0 ? first : blank || line.text !== "";
      return [...(isIndented ? [by] : []), line, ...(end === null ? [] : [end.text === "\n" ? end : literal("\n")])];
    }),
  );
}
