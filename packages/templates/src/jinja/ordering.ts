import type { Budget } from "./budget.ts";
import { attributeOf, elements } from "./elements.ts";
import { literal } from "./markedText.ts";
import { order } from "./operators.ts";
import { isTrue, List, Text, type Value } from "./value.ts";

/** Sorts as Python does, equal items in their order; letters of both cases are alike unless `caseSensitive`. */
export function sortBy(
  items: readonly Value[],
  keyOf: (item: Value) => Value,
  caseSensitive: boolean,
  reverse: boolean,
  budget: Budget,
): readonly Value[] {
  const direction = reverse ? -1 : 1;
  return items
    .map((item) => ({ item, key: folded(keyOf(item), caseSensitive) }))
    .sort((a, b) => direction * order("<", a.key, b.key, budget))
    .map(({ item }) => item);
}

/** A text in lower case, so that cases are alike; any other value as it is. */
export function folded(value: Value, caseSensitive: boolean): Value {
  if (caseSensitive) return value;
  if (value instanceof Text) return new Text(literal(value.text.toLowerCase()));
  return value;
}

/** The attributes that "a.b,c" names, as a list to sort by, letters of both cases alike unless `caseSensitive`. */
export function attributesOf(names: Value, caseSensitive: boolean): (item: Value) => Value {
  const paths = names instanceof Text ? names.text.split(",") : [];
  if (paths.length < 2) return (item) => attributeOf(item, names);
  return (item) => new List(paths.map((path) => folded(attributeOf(item, new Text(literal(path))), caseSensitive)));
}

/** The smallest or the largest item. */
export function extreme(value: Value, args: readonly Value[], keyword: ReadonlyMap<string, Value>, budget: Budget, sign: 1 | -1): Value {
  const caseSensitive = isTrue(args[0] ?? keyword.get("case_sensitive"));
  const attribute = args[1] ?? keyword.get("attribute");
  const keyOf = (item: Value): Value => (attribute === undefined ? item : attributeOf(item, attribute));
  return sortBy(elements(value), keyOf, caseSensitive, sign === 1, budget)[0];
}
