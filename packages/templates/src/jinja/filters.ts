import { strippedRange } from "../pythonWhitespace.ts";
import type { Budget } from "./budget.ts";
import { codePointLength } from "./codePoints.ts";
import { concat, literal, mapCharacters, type MarkedText, sliceMarked } from "./markedText.ts";
import { binary } from "./operators.ts";
import { joinMarked, stringMethods, wantText } from "./stringMethods.ts";
import { tests } from "./tests.ts";
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
    const indent = numberIn(args[0] ?? keyword.get("indent"));
    const separators = keyword.get("separators");
    const pair = separators instanceof List ? separators.items.map((item) => wantText(item).text) : null;
    if (pair && pair.length !== 2) throw new JinjaRuntimeError("tojson: separators should be two strings");
    if (value === undefined) throw new JinjaRuntimeError("Object of type Undefined is not JSON serializable");
    const style = {
      indent,
      ensureAscii: isTrue(keyword.get("ensure_ascii")),
      sortKeys: isTrue(keyword.get("sort_keys")),
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
  sort: (value, args, keyword) => {
    const attribute = keyword.get("attribute") ?? args[2];
    const caseSensitive = isTrue(keyword.get("case_sensitive") ?? args[1]);
    const sorted = sortBy(elements(value), (item) => (attribute === undefined ? item : attributeOf(item, attribute)), caseSensitive);
    return new List(isTrue(keyword.get("reverse") ?? args[0]) ? sorted.reverse() : sorted);
  },
  dictsort: (value, args, keyword, budget) => {
    const byValue = toText(keyword.get("by") ?? args[1], budget).text === "value";
    const pairs = pairsOf(value);
    const sorted = sortBy(pairs, (pair) => (pair as List).items[byValue ? 1 : 0], isTrue(keyword.get("case_sensitive") ?? args[0]));
    return new List(isTrue(keyword.get("reverse") ?? args[2]) ? sorted.reverse() : sorted);
  },
  items: (value) => (value === undefined ? new List([]) : new List(pairsOf(value))),
  unique: (value, _args, _keyword, budget) => {
    const kept: Value[] = [];
    for (const item of elements(value)) {
      budget.step(kept.length * sizeOf(item));
      if (!kept.some((other) => isEqual(item, other))) kept.push(item);
    }
    return new List(kept);
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
    const number = value instanceof Text ? Number.parseInt(value.text, 10) : numberIn(value);
    return number === null || Number.isNaN(number) ? fallback : Math.trunc(number);
  },
  float: (value, args, keyword) => {
    const fallback = args[0] ?? keyword.get("default") ?? new Float(0);
    const number = value instanceof Text ? Number.parseFloat(value.text) : numberIn(value);
    return number === null || Number.isNaN(number) ? fallback : new Float(number);
  },
  abs: (value) => {
    const number = numberIn(value);
    if (number === null) throw new JinjaRuntimeError(`bad operand type for abs(): ${typeName(value)}`);
    return value instanceof Float ? new Float(Math.abs(number)) : Math.abs(number);
  },
  sum: (value, args, keyword, budget) => {
    const attribute = args[0] ?? keyword.get("attribute");
    const start = args[1] ?? keyword.get("start") ?? 0;
    return elements(value).reduce<Value>(
      (sum, item) => binary("+", sum, attribute === undefined ? item : attributeOf(item, attribute), budget),
      start,
    );
  },
  min: (value) => sortBy(elements(value), (item) => item, false)[0],
  max: (value) => sortBy(elements(value), (item) => item, false).at(-1),
  round: (value, args) => {
    const number = numberIn(value);
    if (number === null) throw new JinjaRuntimeError(`type ${typeName(value)} doesn't define __round__ method`);
    return value instanceof Float ? new Float(roundedHalfEven(number, numberIn(args[0]) ?? 0)) : number;
  },
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

/** What Python's `iter(value)` gives. */
export function elements(value: Value): readonly Value[] {
  if (value instanceof List) return value.items;
  if (value instanceof Dict) return [...value.entries.keys()].map((key) => value.key(key));
  if (value instanceof Text) return characters(value.marked).map((character) => new Text(character));
  if (value === undefined) return [];
  throw new JinjaRuntimeError(`'${typeName(value)}' object is not iterable`);
}

export function pairsOf(value: Value): Tuple[] {
  if (value instanceof Dict) return [...value.entries].map(([key, item]) => new Tuple([value.key(key), item]));
  throw new JinjaRuntimeError(`expected a dict, got ${typeName(value)}`);
}

/** The code points of a text, each with its provenance. */
function characters(marked: MarkedText): MarkedText[] {
  let position = 0;
  return Array.from(marked.text, (character) => {
    const one = sliceMarked(marked, position, position + character.length);
    position += character.length;
    return one;
  });
}

/** A dotted path of keys and indices below a value. */
function attributeOf(value: Value, path: Value): Value {
  const steps = typeof path === "number" ? [String(path)] : wantText(path).text.split(".");
  return steps.reduce<Value>((at, step) => {
    if (at instanceof Dict || at instanceof Namespace) return at.entries.get(step);
    return at instanceof List ? at.items[Number(step)] : undefined;
  }, value);
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
  const test = tests[wantText(name).text];
  if (!test) throw new JinjaRuntimeError(`no test is named '${wantText(name).text}'`);
  return test(value, args);
}

function sortBy(items: readonly Value[], keyOf: (item: Value) => Value, caseSensitive: boolean): Value[] {
  const comparable = (item: Value): string | number => {
    const key = keyOf(item);
    if (key instanceof Text) return caseSensitive ? key.text : key.text.toLowerCase();
    const number = numberIn(key);
    if (number === null) throw new JinjaRuntimeError(`cannot sort a ${typeName(key)}`);
    return number;
  };
  return items
    .map((item) => ({ item, key: comparable(item) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ item }) => item);
}

/** Python rounds a tie to the even neighbour. */
function roundedHalfEven(number: number, digits: number): number {
  const scaled = number * 10 ** digits;
  const floor = Math.floor(scaled);
  const rounded = scaled - floor === 0.5 ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(scaled);
  return rounded / 10 ** digits;
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

function indented(self: MarkedText, by: MarkedText, first: boolean, blank: boolean, budget: Budget): MarkedText {
  const lines: MarkedText[] = [];
  let position = 0;
  for (let at = self.text.indexOf("\n"); at >= 0; at = self.text.indexOf("\n", position)) {
    lines.push(sliceMarked(self, position, at + 1));
    position = at + 1;
  }
  lines.push(sliceMarked(self, position));
  budget.characters(self.text.length + lines.length * by.text.length);
  return concat(lines.flatMap((line, i) => ((i === 0 ? first : blank || line.text.trim() !== "") ? [by, line] : [line])));
}
