import type { Budget } from "./budget.ts";
import { codePointLength } from "./codePoints.ts";
import { attributeOf, elements } from "./elements.ts";
import type { Filter } from "./filter.ts";
import { listFilters } from "./listFilters.ts";
import { literal } from "./markedText.ts";
import { numberFilters } from "./numberFilters.ts";
import { testOf } from "./tests.ts";
import { textFilters } from "./textFilters.ts";
import { Dict, isTrue, JinjaRuntimeError, List, Namespace, sizeOf, Text, typeName, type Value, wantText } from "./value.ts";

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
  ...textFilters,
  ...listFilters,
  ...numberFilters,
  safe: (value) => value,
  length,
  count: length,
  default: defaulted,
  d: defaulted,
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
  attr: (value, args) => (value instanceof Namespace ? value.entries.get(wantText(args[0]).text) : undefined),
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
