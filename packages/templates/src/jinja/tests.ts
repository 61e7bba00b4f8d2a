import type { Budget } from "./budget.ts";
import { binary } from "./operators.ts";
import { Callable, Dict, Float, isTrue, JinjaRuntimeError, List, numberIn, Text, typeName, type Value, wantText } from "./value.ts";

type Test = (value: Value, args: readonly Value[], budget: Budget) => boolean;

function integer(value: Value): number {
  const number = numberIn(value);
  if (number === null) throw new JinjaRuntimeError(`expected a number, got ${typeName(value)}`);
  return number;
}

const operator =
  (sign: string): Test =>
  (value, [other], budget) =>
    isTrue(binary(sign, value, other, budget));

const isSequence: Test = (value) => value instanceof List || value instanceof Text || value instanceof Dict;

/** Jinja's built-in tests. */
const tests: Readonly<Record<string, Test>> = {
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
  sequence: isSequence,
  iterable: (value, args, budget) => isSequence(value, args, budget) || value === undefined,
  callable: (value) => value instanceof Callable,
  test: (value) => Object.hasOwn(tests, wantText(value).text),
  // Nothing is escaped: chat templates are no HTML.
  escaped: () => false,
  sameas: (value, [other]) => isSame(value, other),
  odd: (value) => integer(value) % 2 !== 0,
  even: (value) => integer(value) % 2 === 0,
  divisibleby: (value, [by]) => integer(value) % integer(by) === 0,
  lower: (value) => value instanceof Text && value.text === value.text.toLowerCase() && value.text !== value.text.toUpperCase(),
  upper: (value) => value instanceof Text && value.text === value.text.toUpperCase() && value.text !== value.text.toLowerCase(),
  in: operator("in"),
  "==": operator("=="),
  eq: operator("=="),
  equalto: operator("=="),
  "!=": operator("!="),
  ne: operator("!="),
  "<": operator("<"),
  lt: operator("<"),
  lessthan: operator("<"),
  "<=": operator("<="),
  le: operator("<="),
  ">": operator(">"),
  gt: operator(">"),
  greaterthan: operator(">"),
  ">=": operator(">="),
  ge: operator(">="),
};

/** Python's `is`: small values are one object, and everything else only itself. */
function isSame(value: Value, other: Value): boolean {
  if (value instanceof Text && other instanceof Text) return value.text === other.text;
  return value === other;
}

/** @throws JinjaRuntimeError for a test that does not exist here */
export function testOf(name: string): Test {
  const test = Object.hasOwn(tests, name) ? tests[name] : undefined;
  if (!test) throw new JinjaRuntimeError(`no test is named '${name}'`);
  return test;
}
