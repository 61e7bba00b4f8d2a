import { attributeOf, characters, elements, pairsOf } from "./elements.ts";
import type { Filter } from "./filter.ts";
import { concat, joinMarked, literal } from "./markedText.ts";
import { binary } from "./operators.ts";
import { attributesOf, extreme, folded, sortBy } from "./ordering.ts";
import { isEqual, isTrue, JinjaRuntimeError, List, numberIn, sizeOf, Text, Tuple, type Value } from "./value.ts";
import { toText } from "./valueText.ts";

/** Filters that take the items of a list, a dict or a text. */
export const listFilters: Readonly<Record<string, Filter>> = {
  join: (value, args, keyword, budget) => {
    const separator = toText(args[0] ?? keyword.get("d") ?? new Text(literal("")), budget);
    const attribute = args[1] ?? keyword.get("attribute");
    const items = elements(value).map((item) => toText(attribute === undefined ? item : attributeOf(item, attribute), budget));
    budget.step(4 * items.length);
    budget.characters(items.reduce((sum, { text }) => sum + text.length + separator.text.length, 0));
    return new Text(budget.made(joinMarked(items, separator)));
  },
  list: (value) => new List(elements(value)),
  first: (value) => elements(value)[0],
  last: (value) => elements(value).at(-1),
  reverse: (value) =>
    value instanceof Text ? new Text(concat(characters(value.marked).reverse())) : new List([...elements(value)].reverse()),
  sort: (value, args, keyword, budget) => {
    const attribute = keyword.get("attribute") ?? args[2];
    const caseSensitive = isTrue(keyword.get("case_sensitive") ?? args[1]);
    const keyOf = attribute === undefined ? (item: Value): Value => item : attributesOf(attribute, caseSensitive);
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
};
