import type { Budget } from "./budget.ts";
import { elements, pairsOf } from "./elements.ts";
import { applyFilter } from "./filters.ts";
import { methodOf } from "./methods.ts";
import type { Argument, CallNode, Expression, FilterCall } from "./nodes.ts";
import { binary } from "./operators.ts";
import type { Scope } from "./scope.ts";
import { slice } from "./slicing.ts";
import { testOf } from "./tests.ts";
import {
  Callable,
  Dict,
  Float,
  isTrue,
  JinjaRuntimeError,
  List,
  Namespace,
  numberIn,
  Text,
  textOf,
  Tuple,
  typeName,
  type Value,
} from "./value.ts";
import { toText } from "./valueText.ts";

interface CallArguments {
  readonly positional: Value[];
  readonly keyword: Map<string, Value>;
}

/** Evaluates the expressions of a chat template with Python's semantics. */
export class Evaluator {
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  value(node: Expression, scope: Scope): Value {
    this.#budget.step();
    switch (node.type) {
      case "Name":
        return scope.get(node.name);
      case "Constant":
        return typeof node.value === "string" ? textOf(node.value) : node.value;
      case "Float":
        return new Float(node.value);
      case "Tuple":
        return new Tuple(node.items.map((item) => this.value(item, scope)));
      case "List":
        return new List(node.items.map((item) => this.value(item, scope)));
      case "Dict":
        return new Dict(
          new Map(node.pairs.map(([key, item]) => [toText(this.value(key, scope), this.#budget).text, this.value(item, scope)])),
        );
      case "Unary":
        return unary(node.operator, this.value(node.operand, scope));
      case "And": {
        const left = this.value(node.left, scope);
        return isTrue(left) ? this.value(node.right, scope) : left;
      }
      case "Or": {
        const left = this.value(node.left, scope);
        return isTrue(left) ? left : this.value(node.right, scope);
      }
      case "Binary":
        return binary(node.operator, this.value(node.left, scope), this.value(node.right, scope), this.#budget);
      case "Comparison":
        return this.#comparison(node, scope);
      case "Conditional":
        if (isTrue(this.value(node.test, scope))) return this.value(node.whenTrue, scope);
        return node.otherwise ? this.value(node.otherwise, scope) : undefined;
      case "Test": {
        const { positional } = this.#arguments(node.args, scope);
        return testOf(node.name)(this.value(node.operand, scope), positional, this.#budget) !== node.negate;
      }
      case "Filter":
        return this.filtered(this.value(node.operand, scope), node.filter, scope);
      case "Call":
        return this.call(node, scope);
      case "Slice": {
        const bound = (edge: Expression | null): Value => (edge ? this.value(edge, scope) : null);
        return slice(this.value(node.object, scope), bound(node.start), bound(node.stop), bound(node.step), this.#budget);
      }
      case "Attribute":
        return this.#member(node.object, textOf(node.name), false, scope);
      case "Item":
        return this.#member(node.object, this.value(node.key, scope), true, scope);
    }
  }

  filtered(value: Value, filter: FilterCall, scope: Scope): Value {
    const { positional, keyword } = this.#arguments(filter.args, scope);
    return applyFilter(filter.name, value, positional, keyword, this.#budget);
  }

  /** Calls a macro, method or function; `more` are keyword arguments besides those written. */
  call(node: CallNode, scope: Scope, more: readonly (readonly [string, Value])[] = []): Value {
    const { positional, keyword } = this.#arguments(node.args, scope);
    const callee = this.value(node.callee, scope);
    if (callee instanceof Callable) return callee.call(positional, new Map([...keyword, ...more]));
    const name = node.callee.type === "Name" || node.callee.type === "Attribute" ? node.callee.name : "the value";
    throw new JinjaRuntimeError(
      callee === undefined ? `'${name}' is undefined` : `'${name}' is a ${typeName(callee)} and cannot be called`,
    );
  }

  /** `a < b < c`: each pair in turn, until one does not hold. */
  #comparison({ first, rest }: Extract<Expression, { type: "Comparison" }>, scope: Scope): Value {
    let left = this.value(first, scope);
    for (const [operator, node] of rest) {
      const right = this.value(node, scope);
      if (!isTrue(binary(operator, left, right, this.#budget))) return false;
      left = right;
    }
    return true;
  }

  #arguments(args: readonly Argument[], scope: Scope): CallArguments {
    const positional: Value[] = [];
    const keyword = new Map<string, Value>();
    for (const { kind, name, value: node } of args) {
      const value = this.value(node, scope);
      if (kind === "positional") positional.push(value);
      else if (kind === "keyword") keyword.set(name, value);
      else if (kind === "list") positional.push(...elements(value));
      else for (const pair of pairsOf(value)) keyword.set(toText(pair.items[0], this.#budget).text, pair.items[1]);
    }
    return { positional, keyword };
  }

  /** `object.name` or `object[key]`. */
  #member(objectNode: Expression, key: Value, inBrackets: boolean, scope: Scope): Value {
    const object = this.value(objectNode, scope);
    const name = key instanceof Text ? key.text : null;
    if (object === undefined) {
      const what = objectNode.type === "Name" ? objectNode.name : "the value before it";
      throw new JinjaRuntimeError(`cannot read '${name ?? toText(key, this.#budget).text}': '${what}' is undefined`);
    }
    if (name !== null) {
      const method = methodOf(object, name, this.#budget);
      const entries = object instanceof Dict || object instanceof Namespace || object instanceof Callable ? object.entries : null;
      // Jinja looks for an attribute first behind a dot, for a key first in brackets.
      if (inBrackets) return entries?.has(name) ? entries.get(name) : method;
      return method ?? entries?.get(name);
    }
    if (typeof key === "number" && object instanceof List) return object.items.at(key);
    if (typeof key === "number" && object instanceof Text) {
      this.#budget.step(object.text.length >>> 3);
      return elements(object).at(key);
    }
    // Keys that are no strings are kept as their text.
    return object instanceof Dict && key !== undefined ? object.entries.get(toText(key, this.#budget).text) : undefined;
  }
}

function unary(operator: "-" | "+" | "not", value: Value): Value {
  if (operator === "not") return !isTrue(value);
  const number = numberIn(value);
  if (number === null) throw new JinjaRuntimeError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  const signed = operator === "-" ? -number : number;
  return value instanceof Float ? new Float(signed) : signed === 0 ? 0 : signed;
}
