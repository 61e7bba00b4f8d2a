import {
  Callable,
  Dict,
  Float,
  isEqual,
  isTrue,
  JinjaRuntimeError,
  List,
  Namespace,
  numberIn,
  Text,
  typeName,
  type Value,
} from "./value.ts";

type Test = (value: Value, args: readonly Value[]) => boolean;

function integer(value: Value): number {
  const number = numberIn(value);
  if (number === null) throw new JinjaRuntimeError(`expected a number, got ${typeName(value)}`);
  return number;
}

const isIterable: Test = (value) => value instanceof List || value instanceof Text || value instanceof Dict || value === undefined;

/** Jinja's built-in tests. */
export const tests: Readonly<Record<string, Test>> = Object.assign(Object.create(null) as Record<string, Test>, {
  defined: (value) => value !== undefined,
  undefined: (value) => value === undefined,
  none: (value) => value === null,
  string: (value) => value instanceof Text,
  number: (value) => numberIn(value) !== null,
  integer: (value) => typeof value === "number",
  float: (value) => value instanceof Float,
  boolean: (value) => typeof value === "boolean",
  true: (value) => value === true,
  false: (value) => value === false,
  mapping: (value) => value instanceof Dict,
  sequence: (value) => value instanceof List || value instanceof Text || value instanceof Dict,
  iterable: isIterable,
  callable: (value) => value instanceof Callable,
  odd: (value) => integer(value) % 2 !== 0,
  even: (value) => integer(value) % 2 === 0,
  divisibleby: (value, [by]) => integer(value) % integer(by) === 0,
  lower: (value) => value instanceof Text && value.text === value.text.toLowerCase(),
  upper: (value) => value instanceof Text && value.text === value.text.toUpperCase(),
  eq: (value, [other]) => isEqual(value, other),
  equalto: (value, [other]) => isEqual(value, other),
  "==": (value, [other]) => isEqual(value, other),
  ne: (value, [other]) => !isEqual(value, other),
  "!=": (value, [other]) => !isEqual(value, other),
  in: (value, [list]) => list instanceof List && list.items.some((item) => isEqual(item, value)),
  truthy: (value) => isTrue(value),
  namespace: (value) => value instanceof Namespace,
} satisfies Record<string, Test>);
