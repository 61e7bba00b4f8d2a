import type { Budget } from "./budget.ts";
import { elements, pairsOf } from "./elements.ts";
import { stringMethods } from "./stringMethods.ts";
import { Callable, Dict, isEqual, JinjaRuntimeError, List, sizeOf, Text, type Value } from "./value.ts";
import { toText } from "./valueText.ts";

/** A method of a string or dict, bound to it; undefined if it has none of that name. */
export function methodOf(object: Value, name: string, budget: Budget): Callable | undefined {
  if (object instanceof Text && Object.hasOwn(stringMethods, name)) {
    return new Callable((positional, keyword) => {
      budget.step(sizeOf(object));
      return stringMethods[name]!(object.marked, positional, keyword, budget);
    });
  }
  if (object instanceof List) return listMethod(object, name, budget);
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
    case "copy":
      return new Callable(() => new Dict(object.entries, object.origin, object.message));
    default:
      return undefined;
  }
}

/** Methods that change a list are refused, as by the sandbox that transformers renders in. */
function listMethod(list: List, name: string, budget: Budget): Callable | undefined {
  if (name === "copy") return new Callable(() => new List(list.items, list.origin));
  if (name !== "index" && name !== "count") return undefined;
  return new Callable(([item]) => {
    budget.step(list.items.length * sizeOf(item));
    if (name === "count") return list.items.filter((one) => isEqual(one, item)).length;
    const at = list.items.findIndex((one) => isEqual(one, item));
    if (at < 0) throw new JinjaRuntimeError("the item is not in the list");
    return at;
  });
}
