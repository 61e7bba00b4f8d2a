import type { Budget } from "./budget.ts";
import { elements, pairsOf } from "./filters.ts";
import { stringMethods } from "./stringMethods.ts";
import { Callable, Dict, List, sizeOf, Text, type Value } from "./value.ts";
import { toText } from "./valueText.ts";

/** A method of a string or dict, bound to it; undefined if it has none of that name. */
export function methodOf(object: Value, name: string, budget: Budget): Callable | undefined {
  if (object instanceof Text && Object.hasOwn(stringMethods, name)) {
    return new Callable((positional, keyword) => {
      budget.step(sizeOf(object));
      return stringMethods[name]!(object.marked, positional, keyword, budget);
    });
  }
  if (!(object instanceof Dict)) return undefined;
  switch (name) {
    case "items":
      return new Callable(() => new List(pairsOf(object)));
    case "keys":
      return new Callable(() => new List(elements(object)));
    case "values":
      return new Callable(() => new List([...object.entries.values()]));
    case "get":
      return new Callable(([key, instead]) => {
        const text = toText(key, budget).text;
        return object.entries.has(text) ? object.entries.get(text) : (instead ?? null);
      });
    default:
      return undefined;
  }
}
