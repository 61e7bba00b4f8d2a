import { Budget, type JinjaLimits } from "./budget.ts";
import { applyFilter, elements, pairsOf } from "./filters.ts";
import { asGeneration, concat, inTurn, type MarkedText } from "./markedText.ts";
import { globalVariables } from "./globals.ts";
import { loopVariable } from "./loopVariable.ts";
import { methodOf } from "./methods.ts";
import type { CallNode, ForNode, IdentifierNode, Node } from "./nodes.ts";
import { binary } from "./operators.ts";
import { Scope } from "./scope.ts";
import { slice } from "./slicing.ts";
import { tests } from "./tests.ts";
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

/** The call that stands in for `{% generation %}` (see generationTag.ts). */
export const generationCall = "__generation__";

type Interrupt = "break" | "continue" | null;

/**
 * Runs a parsed chat template with Python's semantics, carrying provenance through every value.
 * The syntax tree comes from @huggingface/jinja; its own interpreter joins plain strings and so forgets where they came from.
 */
export class Interpreter {
  readonly #budget: Budget;

  constructor(limits: JinjaLimits) {
    this.#budget = new Budget(limits);
  }

  run(program: Node, variables: ReadonlyMap<string, Value>): MarkedText {
    const scope = new Scope();
    for (const [name, value] of globalVariables(this.#budget)) scope.set(name, value);
    for (const [name, value] of variables) scope.set(name, value);
    return this.#block((program as { body: readonly Node[] }).body, scope);
  }

  /** Runs statements; what they wrote is in `out` even if a `break` or `continue` cut them short. */
  #statements(nodes: readonly Node[], scope: Scope, out: MarkedText[]): Interrupt {
    for (const node of nodes) {
      this.#budget.step();
      const interrupt = this.#statement(node, scope, out);
      if (interrupt) return interrupt;
    }
    return null;
  }

  #block(nodes: readonly Node[], scope: Scope): MarkedText {
    const out: MarkedText[] = [];
    this.#statements(nodes, scope, out);
    return this.#joined(out);
  }

  #joined(out: readonly MarkedText[]): MarkedText {
    this.#budget.characters(out.reduce((sum, { text }) => sum + text.length, 0));
    return this.#budget.made(concat(out));
  }

  #statement(node: Node, scope: Scope, out: MarkedText[]): Interrupt {
    switch (node.type) {
      case "Comment":
        return null;
      case "Break":
        return "break";
      case "Continue":
        return "continue";
      case "If":
        return this.#statements(isTrue(this.#value(node.test, scope)) ? node.body : node.alternate, scope, out);
      case "For":
        return this.#loop(node, scope, out);
      case "Set":
        this.#assign(node.assignee, node.value ? this.#value(node.value, scope) : new Text(this.#block(node.body, scope)), scope);
        return null;
      case "Macro":
        scope.set(node.name.value, this.#macro(node.name.value, node.args, node.body, scope));
        return null;
      case "CallStatement":
        out.push(this.#callBlock(node, scope));
        return null;
      case "FilterStatement":
        out.push(toText(this.#filtered(new Text(this.#block(node.body, new Scope(scope))), node.filter, scope), this.#budget));
        return null;
      default:
        out.push(toText(this.#value(node, scope), this.#budget));
        return null;
    }
  }

  #loop(node: ForNode, scope: Scope, out: MarkedText[]): Interrupt {
    const filter = node.iterable.type === "SelectExpression" ? node.iterable : null;
    const iterable = this.#value(filter ? filter.lhs : node.iterable, scope);
    this.#budget.step(iterable instanceof Text ? iterable.text.length : 1);
    const candidates = elements(iterable);
    const items = candidates.filter((item) => {
      this.#budget.step();
      if (!filter) return true;
      const inside = new Scope(scope);
      this.#assign(node.loopvar, item, inside);
      return isTrue(this.#value(filter.test, inside));
    });
    for (let i = 0; i < items.length; i++) {
      // A pass makes a scope and the loop variable, which is dearer than reading a value.
      this.#budget.step(5);
      const item = items[i]!;
      const inside = new Scope(scope);
      this.#assign(node.loopvar, item, inside);
      inside.set("loop", loopVariable(items, i));
      const pass: MarkedText[] = [];
      const interrupt = this.#statements(node.body, inside, pass);
      const written = this.#joined(pass);
      out.push(item instanceof Dict && item.message !== null ? inTurn(written, item.message) : written);
      if (interrupt === "break") break;
    }
    if (items.length === 0) return this.#statements(node.defaultBlock, scope, out);
    return null;
  }

  #assign(target: Node, value: Value, scope: Scope): void {
    if (target.type === "Identifier") {
      scope.set(target.value, value);
    } else if (target.type === "TupleLiteral") {
      const items = elements(value);
      if (items.length !== target.value.length)
        throw new JinjaRuntimeError(`cannot unpack ${items.length} values into ${target.value.length} names`);
      target.value.forEach((name, i) => this.#assign(name, items[i], scope));
    } else if (target.type === "MemberExpression") {
      const object = this.#value(target.object, scope);
      if (!(object instanceof Namespace) || target.property.type !== "Identifier")
        throw new JinjaRuntimeError("cannot assign attribute on non-namespace object");
      object.entries.set(target.property.value, value);
    } else {
      throw new JinjaRuntimeError(`cannot assign to ${target.type}`);
    }
  }

  #macro(name: string, parameters: readonly Node[], body: readonly Node[], scope: Scope): Callable {
    return new Callable((positional, keyword) =>
      this.#budget.nested(() => {
        const inside = new Scope(scope);
        const left = new Map(keyword);
        const caller = left.get("caller");
        if (left.delete("caller")) inside.set("caller", caller);
        parameters.forEach((parameter, i) => {
          const key = parameter.type === "KeywordArgumentExpression" ? parameter.key.value : (parameter as IdentifierNode).value;
          if (i < positional.length) inside.set(key, positional[i]);
          else if (left.has(key)) inside.set(key, left.get(key));
          else inside.set(key, parameter.type === "KeywordArgumentExpression" ? this.#value(parameter.value, inside) : undefined);
          left.delete(key);
        });
        if (positional.length > parameters.length && !mentions(body, "varargs")) {
          throw new JinjaRuntimeError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
        }
        if (left.size > 0 && !mentions(body, "kwargs"))
          throw new JinjaRuntimeError(`macro '${name}' takes no keyword argument '${left.keys().next().value}'`);
        inside.set("varargs", new Tuple(positional.slice(parameters.length)));
        inside.set("kwargs", new Dict(left));
        return new Text(this.#block(body, inside));
      }),
    );
  }

  #callBlock(node: Extract<Node, { type: "CallStatement" }>, scope: Scope): MarkedText {
    if (node.call.callee.type === "Identifier" && node.call.callee.value === generationCall)
      return asGeneration(this.#block(node.body, new Scope(scope)));
    const caller = this.#macro("caller", node.callerArgs ?? [], node.body, scope);
    const { positional, keyword } = this.#arguments(node.call.args, scope);
    return toText(this.#called(this.#value(node.call.callee, scope), positional, new Map([...keyword, ["caller", caller]])), this.#budget);
  }

  #value(node: Node, scope: Scope): Value {
    this.#budget.step();
    switch (node.type) {
      case "Identifier":
        return scope.get(node.value);
      case "StringLiteral":
        return textOf(node.value);
      case "IntegerLiteral":
        return node.value;
      case "FloatLiteral":
        return new Float(node.value);
      case "TupleLiteral":
        return new Tuple(node.value.map((item) => this.#value(item, scope)));
      case "ArrayLiteral":
        return new List(node.value.map((item) => this.#value(item, scope)));
      case "ObjectLiteral":
        return new Dict(
          new Map([...node.value].map(([key, item]) => [toText(this.#value(key, scope), this.#budget).text, this.#value(item, scope)])),
        );
      case "BinaryExpression":
        return this.#binary(node, scope);
      case "UnaryExpression":
        return unary(node.operator.value, this.#value(node.argument, scope));
      case "Ternary":
        return this.#value(isTrue(this.#value(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope);
      case "SelectExpression":
        return isTrue(this.#value(node.test, scope)) ? this.#value(node.lhs, scope) : undefined;
      case "TestExpression": {
        const test = tests[node.test.value];
        if (!test) throw new JinjaRuntimeError(`no test is named '${node.test.value}'`);
        return test(this.#value(node.operand, scope), []) !== node.negate;
      }
      case "FilterExpression":
        return this.#filtered(this.#value(node.operand, scope), node.filter, scope);
      case "CallExpression": {
        const { positional, keyword } = this.#arguments(node.args, scope);
        return this.#called(this.#value(node.callee, scope), positional, keyword, node);
      }
      case "MemberExpression":
        return this.#member(node, scope);
      default:
        throw new JinjaRuntimeError(`${node.type} is not an expression`);
    }
  }

  #binary(node: Extract<Node, { type: "BinaryExpression" }>, scope: Scope): Value {
    const left = this.#value(node.left, scope);
    if (node.operator.value === "and") return isTrue(left) ? this.#value(node.right, scope) : left;
    if (node.operator.value === "or") return isTrue(left) ? left : this.#value(node.right, scope);
    return binary(node.operator.value, left, this.#value(node.right, scope), this.#budget);
  }

  #filtered(value: Value, filter: IdentifierNode | CallNode, scope: Scope): Value {
    if (filter.type === "Identifier") return applyFilter(filter.value, value, [], new Map(), this.#budget);
    const { positional, keyword } = this.#arguments(filter.args, scope);
    return applyFilter((filter.callee as IdentifierNode).value, value, positional, keyword, this.#budget);
  }

  #arguments(nodes: readonly Node[], scope: Scope): { positional: Value[]; keyword: Map<string, Value> } {
    const positional: Value[] = [];
    const keyword = new Map<string, Value>();
    for (const node of nodes) {
      if (node.type === "KeywordArgumentExpression") keyword.set(node.key.value, this.#value(node.value, scope));
      else if (node.type === "SpreadExpression") positional.push(...elements(this.#value(node.argument, scope)));
      else if (node.type === "KeywordSpreadExpression")
        for (const pair of pairsOf(this.#value(node.argument, scope))) keyword.set(toText(pair.items[0], this.#budget).text, pair.items[1]);
      else positional.push(this.#value(node, scope));
    }
    return { positional, keyword };
  }

  #called(callee: Value, positional: readonly Value[], keyword: ReadonlyMap<string, Value>, node?: CallNode): Value {
    if (callee instanceof Callable) return callee.call(positional, keyword);
    const name =
      node?.callee.type === "Identifier"
        ? node.callee.value
        : node?.callee.type === "MemberExpression" && node.callee.property.type === "Identifier"
          ? node.callee.property.value
          : "the value";
    throw new JinjaRuntimeError(
      callee === undefined ? `'${name}' is undefined` : `'${name}' is a ${typeName(callee)} and cannot be called`,
    );
  }

  #slice(object: Value, { start, stop, step }: Extract<Node, { type: "SliceExpression" }>, scope: Scope): Value {
    const bound = (node: Node | undefined): Value => (node ? this.#value(node, scope) : null);
    return slice(object, bound(start), bound(stop), bound(step), this.#budget);
  }

  #member(node: Extract<Node, { type: "MemberExpression" }>, scope: Scope): Value {
    const object = this.#value(node.object, scope);
    if (node.property.type === "SliceExpression") return this.#slice(object, node.property, scope);
    const key = node.computed
      ? this.#value(node.property, scope)
      : node.property.type === "IntegerLiteral"
        ? node.property.value
        : textOf((node.property as IdentifierNode).value);
    const name = key instanceof Text ? key.text : null;
    if (object === undefined) {
      const what = node.object.type === "Identifier" ? node.object.value : "the value before it";
      throw new JinjaRuntimeError(`cannot read '${name ?? toText(key, this.#budget).text}': '${what}' is undefined`);
    }
    if (name !== null) {
      const method = methodOf(object, name, this.#budget);
      const own = object instanceof Dict || object instanceof Namespace ? object.entries.get(name) : undefined;
      // Jinja looks for an attribute first behind a dot, for a key first in brackets.
      return node.computed ? (own ?? (hasKey(object, name) ? own : method)) : (method ?? own);
    }
    if (typeof key === "number" && object instanceof List) return object.items.at(key);
    if (typeof key === "number" && object instanceof Text) {
      this.#budget.step(object.text.length >>> 3);
      return elements(object).at(key);
    }
    return undefined;
  }
}

const hasKey = (object: Value, name: string): boolean => object instanceof Dict && object.entries.has(name);

function unary(operator: string, value: Value): Value {
  if (operator === "not") return !isTrue(value);
  const number = numberIn(value);
  if (number === null) throw new JinjaRuntimeError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  const signed = operator === "-" ? -number : number;
  return value instanceof Float ? new Float(signed) : signed;
}

/** Whether a macro's body reads a name, anywhere below. */
function mentions(nodes: unknown, name: string): boolean {
  if (Array.isArray(nodes)) return nodes.some((node) => mentions(node, name));
  if (typeof nodes !== "object" || nodes === null) return false;
  const node = nodes as { type?: string; value?: unknown };
  return (node.type === "Identifier" && node.value === name) || Object.values(node).some((child) => mentions(child, name));
}
