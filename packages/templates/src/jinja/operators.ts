import type { Budget } from "./budget.ts";
import { concat, type MarkedText } from "./markedText.ts";
import { Dict, Float, isEqual, JinjaRuntimeError, List, numberIn, sizeOf, Text, typeName, type Value } from "./value.ts";
import { toText } from "./valueText.ts";

/** Python's binary operators, `and` and `or` apart. */
export function binary(operator: string, left: Value, right: Value, budget: Budget): Value {
  switch (operator) {
    case "==":
      budget.step(Math.min(sizeOf(left), sizeOf(right)));
      return isEqual(left, right);
    case "!=":
      budget.step(Math.min(sizeOf(left), sizeOf(right)));
      return !isEqual(left, right);
    case "in":
      return contains(right, left, budget);
    case "not in":
      return !contains(right, left, budget);
    case "~":
      return join(toText(left, budget), toText(right, budget), budget);
    case "<":
    case ">":
    case "<=":
    case ">=":
      return compare(operator, left, right);
  }
  if (operator === "+" && left instanceof Text && right instanceof Text) return join(left.marked, right.marked, budget);
  if (operator === "+" && left instanceof List && right instanceof List) {
    budget.step(left.items.length + right.items.length);
    return new List([...left.items, ...right.items]);
  }
  if (operator === "*" && left instanceof Text && typeof right === "number") return repeated(left.marked, right, budget);
  if (operator === "*" && right instanceof Text && typeof left === "number") return repeated(right.marked, left, budget);
  return arithmetic(operator, left, right);
}

function join(left: MarkedText, right: MarkedText, budget: Budget): Text {
  budget.characters(left.text.length + right.text.length);
  return new Text(budget.made(concat([left, right])));
}

function repeated(marked: MarkedText, times: number, budget: Budget): Text {
  budget.characters(marked.text.length * Math.max(0, times));
  budget.step(Math.max(0, times));
  return new Text(concat(Array.from({ length: Math.max(0, times) }, () => marked)));
}

function contains(container: Value, item: Value, budget: Budget): boolean {
  if (container instanceof Text) {
    budget.step(sizeOf(container));
    if (item instanceof Text) return container.text.includes(item.text);
    throw new JinjaRuntimeError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
  }
  if (container instanceof List) {
    budget.step(Math.min(container.size, container.items.length * sizeOf(item)));
    return container.items.some((one) => isEqual(one, item));
  }
  if (container instanceof Dict) return item instanceof Text && container.entries.has(item.text);
  if (container === undefined) return false;
  throw new JinjaRuntimeError(`argument of type '${typeName(container)}' is not iterable`);
}

function compare(operator: "<" | ">" | "<=" | ">=", left: Value, right: Value): boolean {
  const pair = left instanceof Text && right instanceof Text ? [left.text, right.text] : [numberIn(left), numberIn(right)];
  const [a, b] = pair as [string, string];
  if (a === null || b === null) throw unsupported(operator, left, right);
  if (operator === "<") return a < b;
  if (operator === ">") return a > b;
  return operator === "<=" ? a <= b : a >= b;
}

function arithmetic(operator: string, left: Value, right: Value): Value {
  const a = numberIn(left);
  const b = numberIn(right);
  if (a === null || b === null) throw unsupported(operator, left, right);
  if (b === 0 && (operator === "/" || operator === "//" || operator === "%")) throw new JinjaRuntimeError("division by zero");
  const asFloat = left instanceof Float || right instanceof Float;
  const number = (value: number): Value => (asFloat ? new Float(value) : value);
  switch (operator) {
    case "+":
      return number(a + b);
    case "-":
      return number(a - b);
    case "*":
      return number(a * b);
    case "/":
      return new Float(a / b);
    case "//":
      return number(Math.floor(a / b));
    case "%":
      return number(a - b * Math.floor(a / b));
    case "**":
      return b < 0 ? new Float(a ** b) : number(a ** b);
  }
  throw new JinjaRuntimeError(`unknown operator '${operator}'`);
}

const unsupported = (operator: string, left: Value, right: Value): JinjaRuntimeError =>
  new JinjaRuntimeError(`unsupported operand types for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);
