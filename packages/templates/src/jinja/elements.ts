import { type MarkedText, sliceMarked } from "./markedText.ts";
import { Dict, JinjaRuntimeError, List, Namespace, Text, Tuple, typeName, type Value, wantText } from "./value.ts";

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
export function characters(marked: MarkedText): MarkedText[] {
  let position = 0;
  return Array.from(marked.text, (character) => {
    const one = sliceMarked(marked, position, position + character.length);
    position += character.length;
    return one;
  });
}

/** A dotted path of keys and indices below a value. */
export function attributeOf(value: Value, path: Value): Value {
  const steps = typeof path === "number" ? [String(path)] : wantText(path).text.split(".");
  return steps.reduce<Value>((at, step) => {
    if (at instanceof Dict || at instanceof Namespace) return at.entries.get(step);
    return at instanceof List ? at.items[Number(step)] : undefined;
  }, value);
}
