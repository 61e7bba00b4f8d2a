import type { Budget } from "./budget.ts";
import { concat, type MarkedText } from "./markedText.ts";
import { percentFormat } from "./percentFormat.ts";
import { listLike } from "./slicing.ts";
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
      return holds(operator, order(operator, left, right, budget));
  }
  if (operator === "+" && left instanceof Text && right instanceof Text) return join(left.marked, right.marked, budget);
  if (operator === "+" && left instanceof List && right instanceof List) {
    budget.step(left.items.length + right.items.length);
    return listLike(left, [...left.items, ...right.items]);
  }
  if (operator === "*" && typeof right === "number" && (left instanceof Text || left instanceof List)) return repeated(left, right, budget);
  if (operator === "*" && typeof left === "number" && (right instanceof Text || right instanceof List))
    return repeated(right, left, budget);
  if (operator === "%" && left instanceof Text) return percentFormat(left.marked, right, budget);
  return arithmetic(operator, left, right);
}

function join(left: MarkedText, right: MarkedText, budget: Budget): Text {
  budget.characters(left.text.length + right.text.length);
  return new Text(budget.made(concat([left, right])));
}

function repeated(value: Text | List, count: number, budget: Budget): Value {
  const times = Math.max(0, count);
  if (value instanceof List) {
    budget.step(times * (1 + value.items.length));
    return listLike(value, Array.from({ length: times }, () => value.items).flat());
  }
  budget.characters(value.text.length * times);
  budget.step(times);
  return new Text(concat(Array.from({ length: times }, () => value.marked)));
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

const holds = (operator: "<" | ">" | "<=" | ">=", order: number): boolean =>
  operator === "<" ? order < 0 : operator === ">" ? order > 0 : operator === "<=" ? order <= 0 : order >= 0;

/** Negative, zero or positive, as the first comes before the second: texts by code point, lists item by item; NaN is in no order. */
export function order(operator: string, left: Value, right: Value, budget: Budget): number {
  if (left instanceof Text && right instanceof Text) return codePointOrder(left.text, right.text);
  if (left instanceof List && right instanceof List) {
    budget.step(Math.min(left.items.length, right.items.length));
    const at = left.items.findIndex((item, i) => i < right.items.length && !isEqual(item, right.items[i]));
    return at < 0 ? left.items.length - right.items.length : order(operator, left.items[at], right.items[at], budget);
  }
  const [a, b] = [numberIn(left), numberIn(right)];
  if (a === null || b === null) throw unsupported(operator, left, right);
  return a === b ? 0 : a - b;
}

/** Python orders texts by code point, JavaScript by UTF-16 unit: they differ where a surrogate meets U+E000 to U+FFFF. */
function codePointOrder(a: string, b: string): number {
  if (a === b) return 0;
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at++;
  if (at > 0 && /[\udc00-\udfff]/.test(a.charAt(at) + b.charAt(at))) at--;
  return (a.codePointAt(at) ?? -1) - (b.codePointAt(at) ?? -1);
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
