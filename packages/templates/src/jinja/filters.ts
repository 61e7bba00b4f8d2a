import { strippedRange } from "../pythonWhitespace.ts";
import type { Budget } from "./budget.ts";
import { codePointLength } from "./codePoints.ts";
import { attributeOf, characters, elements, pairsOf } from "./elements.ts";
import { concat, literal, mapCharacters, type MarkedText, sliceMarked } from "./markedText.ts";
import { floatIn, integerIn, rounded, roundedHalfEven } from "./numberText.ts";
import { binary } from "./operators.ts";
import { attributesOf, extreme, folded, sortBy } from "./ordering.ts";
import { percentFormat } from "./percentFormat.ts";
import { linesOf } from "./lines.ts";
import { joinMarked, stringMethods } from "./stringMethods.ts";
import { testOf } from "./tests.ts";
import {
  Dict,
  Float,
  isEqual,
  isTrue,
  JinjaRuntimeError,
  List,
  Namespace,
  numberIn,
  sizeOf,
  Text,
  Tuple,
  typeName,
  type Value,
  wantText,
} from "./value.ts";
import { toJson, toText } from "./valueText.ts";

type Filter = (value: Value, args: readonly Value[], keyword: ReadonlyMap<string, Value>, budget: Budget) => Value;

const method =
  (name: string): Filter =>
  (value, args, keyword, budget) =>
    stringMethods[name]!(toText(value, budget), args, keyword, budget);

const length: Filter = (value) => {
  if (value instanceof Text) return codePointLength(value.text);
  if (value instanceof List) return value.items.length;
  if (value instanceof Dict) return value.entries.size;
  if (value === undefined) return 0;
  throw new JinjaRuntimeError(`object of type ${typeName(value)} has no len()`);
};

const defaulted: Filter = (value, args, keyword) => {
  const evenIfFalse = isTrue(args[1] ?? keyword.get("boolean"));
  const instead = args.length > 0 ? args[0] : keyword.has("default_value") ? keyword.get("default_value") : new Text(literal(""));
  return value === undefined || (evenIfFalse && !isTrue(value)) ? instead : value;
};

/** Jinja's built-in filters that chat templates use. */
export const filters: Readonly<Record<string, Filter>> = {
  safe: (value) => value,
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
  length,
  count: length,
  string: (value, _args, _keyword, budget) => new Text(toText(value, budget)),
  default: defaulted,
  d: defaulted,
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
  join: (value, args, keyword, budget) => {
    const separator = toText(args[0] ?? keyword.get("d") ?? new Text(literal("")), budget);
    const attribute = args[1] ?? keyword.get("attribute");
    const items = elements(value).map((item) => toText(attribute === undefined ? item : attributeOf(item, attribute), budget));
    budget.step(4 * items.length);
    budget.characters(items.reduce((sum, { text }) => sum + text.length + separator.text.length, 0));
    return new Text(budget.made(joinMarked(items, separator)));
  },
  indent: (value, args, keyword, budget) => {
    const width = args[0] ?? keyword.get("width") ?? 4;
    const by = width instanceof Text ? width.marked : literal(" ".repeat(Math.min(numberIn(width) ?? 4, budget.limits.characters)));
    const first = isTrue(args[1] ?? keyword.get("first"));
    const blank = isTrue(args[2] ?? keyword.get("blank"));
    return new Text(indented(toText(value, budget), by, first, blank, budget));
  },
  list: (value) => new List(elements(value)),
  first: (value) => elements(value)[0],
  last: (value) => elements(value).at(-1),
  reverse: (value) =>
    value instanceof Text ? new Text(concat(characters(value.marked).reverse())) : new List([...elements(value)].reverse()),
  sort: (value, args, keyword, budget) => {
    const attribute = keyword.get("attribute") ?? args[2];
    const caseSensitive = isTrue(keyword.get("case_sensitive") ?? args[1]);
    const keyOf = attribute === undefined ? (item: Value): Value => item : attributesOf(attribute);
    return new List(sortBy(elements(value), keyOf, caseSensitive, isTrue(keyword.get("reverse") ?? args[0]), budget));
  },
  groupby: (value, args, keyword, budget) => {
    const attribute = args[0] ?? keyword.get("attribute");
    const instead = args[1] ?? keyword.get("default");
    const keyOf = (item: Value): Value => attributeOf(item, attribute) ?? instead;
    const caseSensitive = isTrue(keyword.get("case_sensitive") ?? args[2]);
    const groups: { key: Value; items: Value[] }[] = [];
    for (const item of sortBy(elements(value), keyOf, caseSensitive, false, budget)) {
      const last = groups.at(-1);
      const key = keyOf(item);
      if (last && isEqual(folded(last.key, caseSensitive), folded(key, caseSensitive))) last.items.push(item);
      else groups.push({ key, items: [item] });
    }
    return new List(groups.map(({ key, items }) => new Tuple([key, new List(items)])));
  },
  batch: (value, args, keyword, budget) => {
    const size = numberIn(args[0] ?? keyword.get("linecount")) ?? 0;
    if (!Number.isInteger(size) || size < 1) throw new JinjaRuntimeError("batch needs a size of 1 or more");
    const items = elements(value);
    const fill = args[1] ?? keyword.get("fill_with");
    const batches: List[] = [];
    for (let i = 0; i < items.length; i += size) {
      const part = items.slice(i, i + size);
      budget.step(part.length < size && fill != null ? size : 1);
      batches.push(new List(fill == null ? part : [...part, ...Array.from({ length: size - part.length }, () => fill)]));
    }
    return new List(batches);
  },
  dictsort: (value, args, keyword, budget) => {
    const byValue = toText(keyword.get("by") ?? args[1], budget).text === "value";
    const pairs = pairsOf(value);
    const keyOf = (pair: Value): Value => (pair as List).items[byValue ? 1 : 0];
    return new List(
      sortBy(pairs, keyOf, isTrue(keyword.get("case_sensitive") ?? args[0]), isTrue(keyword.get("reverse") ?? args[2]), budget),
    );
  },
  items: (value) => (value === undefined ? new List([]) : new List(pairsOf(value))),
  unique: (value, args, keyword, budget) => {
    const caseSensitive = isTrue(args[0] ?? keyword.get("case_sensitive"));
    const attribute = args[1] ?? keyword.get("attribute");
    const kept: { item: Value; key: Value }[] = [];
    for (const item of elements(value)) {
      budget.step(kept.length * sizeOf(item));
      const key = folded(attribute === undefined ? item : attributeOf(item, attribute), caseSensitive);
      if (!kept.some((other) => isEqual(key, other.key))) kept.push({ item, key });
    }
    return new List(kept.map(({ item }) => item));
  },
  map: (value, args, keyword, budget) => {
    const attribute = keyword.get("attribute");
    if (attribute !== undefined) {
      return new List(
        elements(value).map((item) => {
          const found = attributeOf(item, attribute);
          return found === undefined ? keyword.get("default") : found;
        }),
      );
    }
    const name = wantText(args[0]).text;
    return new List(elements(value).map((item) => applyFilter(name, item, args.slice(1), keyword, budget)));
  },
  select: (value, args, _keyword, budget) => new List(elements(value).filter((item) => holds(item, args, budget))),
  reject: (value, args, _keyword, budget) => new List(elements(value).filter((item) => !holds(item, args, budget))),
  selectattr: (value, args, _keyword, budget) =>
    new List(elements(value).filter((item) => holds(attributeOf(item, args[0]), args.slice(1), budget))),
  rejectattr: (value, args, _keyword, budget) =>
    new List(elements(value).filter((item) => !holds(attributeOf(item, args[0]), args.slice(1), budget))),
  int: (value, args, keyword) => {
    const fallback = args[0] ?? keyword.get("default") ?? 0;
    const base = numberIn(args[1] ?? keyword.get("base")) ?? 10;
    const number = value instanceof Text ? integerIn(value.text, base) : numberIn(value);
    return number === null || !Number.isFinite(number) ? fallback : Math.trunc(number);
  },
  float: (value, args, keyword) => {
    const fallback = args[0] ?? keyword.get("default") ?? new Float(0);
    const number = value instanceof Text ? floatIn(value.text) : numberIn(value);
    return number === null ? fallback : new Float(number);
  },
  abs: (value) => {
    const number = numberIn(value);
    if (number === null) throw new JinjaRuntimeError(`bad operand type for abs(): ${typeName(value)}`);
    return value instanceof Float ? new Float(Math.abs(number)) : Math.abs(number);
  },
  sum: (value, args, keyword, budget) => {
    const begin = args[1] ?? keyword.get("start");
    if (begin instanceof Text) throw new JinjaRuntimeError("sum() can't sum strings");
    const attribute = args[0] ?? keyword.get("attribute");
    const start = args[1] ?? keyword.get("start") ?? 0;
    return elements(value).reduce<Value>(
      (sum, item) => binary("+", sum, attribute === undefined ? item : attributeOf(item, attribute), budget),
      start,
    );
  },
  min: (value, args, keyword, budget) => extreme(value, args, keyword, budget, -1),
  max: (value, args, keyword, budget) => extreme(value, args, keyword, budget, 1),
  round: (value, args, keyword) => {
    const number = numberIn(value);
    if (number === null) throw new JinjaRuntimeError(`type ${typeName(value)} doesn't define __round__ method`);
    const digits = numberIn(args[0] ?? keyword.get("precision")) ?? 0;
    const method = args[1] ?? keyword.get("method");
    const way = method === undefined ? "common" : wantText(method).text;
    if (way !== "common" && way !== "ceil" && way !== "floor") throw new JinjaRuntimeError("method must be common, ceil or floor");
    if (way !== "common") return new Float(Math[way](number * 10 ** digits) / 10 ** digits);
    if (!(value instanceof Float)) return digits < 0 ? roundedHalfEven(number / 10 ** -digits) * 10 ** -digits : number;
    return new Float(rounded(number, digits));
  },
  attr: (value, args) => (value instanceof Namespace ? value.entries.get(wantText(args[0]).text) : undefined),
  format: (value, args, keyword, budget) =>
    percentFormat(toText(value, budget), keyword.size > 0 ? new Dict(keyword) : new Tuple(args), budget),
  wordcount: (value, _args, _keyword, budget) => toText(value, budget).text.match(/[\p{L}\p{N}\p{M}_]+/gu)?.length ?? 0,
  center: (value, args, keyword, budget) =>
    stringMethods["center"]!(toText(value, budget), [args[0] ?? keyword.get("width") ?? 80], keyword, budget),
};

/** @throws JinjaRuntimeError for a filter that does not exist here */
export function applyFilter(
  name: string,
  value: Value,
  args: readonly Value[],
  keyword: ReadonlyMap<string, Value>,
  budget: Budget,
): Value {
  const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (!filter) throw new JinjaRuntimeError(`no filter is named '${name}'`);
  budget.step(filterCost(name, value));
  return filter(value, args, keyword, budget);
}

/** Filters that leave a text in one piece; the others take it apart into its characters. */
const wholeText: ReadonlySet<string> = new Set(
  "safe trim upper lower title capitalize replace length count string default d tojson indent int float".split(" "),
);
/** Filters that do not look at a list's items. */
const wholeList: ReadonlySet<string> = new Set("safe length count default d first last list".split(" "));

function filterCost(name: string, value: Value): number {
  if (value instanceof Text) return wholeText.has(name) ? sizeOf(value) : value.text.length;
  return value instanceof List && !wholeList.has(name) ? 1 + value.items.length : 1;
}

function holds(value: Value, [name, ...args]: readonly Value[], budget: Budget): boolean {
  budget.step(
    1 +
      Math.min(
        sizeOf(value),
        args.reduce<number>((sum, arg) => sum + sizeOf(arg), 0),
      ),
  );
  if (name === undefined) return isTrue(value);
  return testOf(wantText(name).text)(value, args, budget);
}

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
