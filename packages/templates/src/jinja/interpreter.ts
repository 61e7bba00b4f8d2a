import { Budget, type JinjaLimits } from "./budget.ts";
import { Evaluator } from "./evaluator.ts";
import { elements } from "./elements.ts";
import { globalVariables } from "./globals.ts";
import { loopVariable } from "./loopVariable.ts";
import { asGeneration, concat, inTurn, type MarkedText } from "./markedText.ts";
import type { Expression, FilterCall, ForNode, Parameter, Statement } from "./nodes.ts";
import { Scope } from "./scope.ts";
import { Callable, Dict, isTrue, JinjaRuntimeError, Namespace, Text, Tuple, type Value } from "./value.ts";
import { toText } from "./valueText.ts";

type Interrupt = "break" | "continue" | null;

/** Runs the statements of a chat template with Python's semantics, carrying provenance through every value. */
export class Interpreter {
  readonly #budget: Budget;
  readonly #evaluator: Evaluator;

  constructor(limits: JinjaLimits) {
    this.#budget = new Budget(limits);
    this.#evaluator = new Evaluator(this.#budget);
  }

  run(program: readonly Statement[], variables: ReadonlyMap<string, Value>): MarkedText {
    const scope = new Scope();
    for (const [name, value] of globalVariables(this.#budget)) scope.set(name, value);
    for (const [name, value] of variables) scope.set(name, value);
    return this.#block(program, scope);
  }

  /** Runs statements; what they wrote is in `out` even if a `break` or `continue` cut them short. */
  #statements(nodes: readonly Statement[], scope: Scope, out: MarkedText[]): Interrupt {
    for (const node of nodes) {
      this.#budget.step();
      try {
        const interrupt = this.#statement(node, scope, out);
        if (interrupt) return interrupt;
      } catch (error) {
        if (error instanceof JinjaRuntimeError) error.at ??= node.at;
        throw error;
      }
    }
    return null;
  }

  #block(nodes: readonly Statement[], scope: Scope): MarkedText {
    const out: MarkedText[] = [];
    const interrupt = this.#statements(nodes, scope, out);
    if (interrupt) throw new JinjaRuntimeError(`{% ${interrupt} %} stands outside of a loop`);
    return this.#joined(out);
  }

  #joined(out: readonly MarkedText[]): MarkedText {
    this.#budget.characters(out.reduce((sum, { text }) => sum + text.length, 0));
    return this.#budget.made(concat(out));
  }

  #statement(node: Statement, scope: Scope, out: MarkedText[]): Interrupt {
    switch (node.type) {
      case "Output":
        out.push(toText(this.#evaluator.value(node.value, scope), this.#budget));
        return null;
      case "Break":
        return "break";
      case "Continue":
        return "continue";
      case "If":
        return this.#statements(isTrue(this.#evaluator.value(node.test, scope)) ? node.body : node.alternate, scope, out);
      case "For":
        return this.#loop(node, this.#evaluator.value(node.iterable, scope), scope, out, 1);
      case "Set":
        this.#assign(node.target, this.#evaluator.value(node.value, scope), scope);
        return null;
      case "SetBlock":
        this.#assign(node.target, this.#filtered(this.#block(node.body, new Scope(scope)), node.filters, scope), scope);
        return null;
      case "With": {
        const inside = new Scope(scope);
        for (const [target, value] of node.pairs) this.#assign(target, this.#evaluator.value(value, scope), inside);
        return this.#statements(node.body, inside, out);
      }
      case "Macro":
        scope.set(node.name, this.#macro(node.name, node.parameters, node.body, scope));
        return null;
      case "CallBlock": {
        const caller = this.#macro("caller", node.parameters, node.body, scope);
        out.push(toText(this.#evaluator.call(node.call, scope, [["caller", caller]]), this.#budget));
        return null;
      }
      case "FilterBlock":
        out.push(toText(this.#filtered(this.#block(node.body, new Scope(scope)), node.filters, scope), this.#budget));
        return null;
      case "Generation":
        out.push(asGeneration(this.#block(node.body, new Scope(scope))));
        return null;
    }
  }

  #filtered(text: MarkedText, filters: readonly FilterCall[], scope: Scope): Value {
    return filters.reduce<Value>((value, filter) => this.#evaluator.filtered(value, filter, scope), new Text(text));
  }

  #loop(node: ForNode, iterable: Value, scope: Scope, out: MarkedText[], depth: number): Interrupt {
    this.#budget.step(iterable instanceof Text ? iterable.text.length : 1);
    const items = elements(iterable).filter((item) => {
      this.#budget.step();
      if (!node.test) return true;
      const inside = new Scope(scope);
      this.#assign(node.target, item, inside);
      return isTrue(this.#evaluator.value(node.test, inside));
    });
    const again = node.recursive ? this.#recursion(node, scope, depth) : null;
    const seen: { last: readonly Value[] | null } = { last: null };
    for (let i = 0; i < items.length; i++) {
      // A pass makes a scope and the loop variable, which is dearer than reading a value.
      this.#budget.step(5);
      const item = items[i]!;
      const inside = new Scope(scope);
      inside.set("loop", loopVariable(items, i, depth, seen, again));
      this.#assign(node.target, item, inside);
      const pass: MarkedText[] = [];
      const interrupt = this.#statements(node.body, inside, pass);
      const written = this.#joined(pass);
      out.push(item instanceof Dict && item.message !== null ? inTurn(written, item.message) : written);
      if (interrupt === "break") break;
    }
    if (items.length === 0) return this.#statements(node.otherwise, new Scope(scope), out);
    return null;
  }

  /** `loop(items)` inside a recursive loop runs the loop's body over other items. */
  #recursion(node: ForNode, scope: Scope, depth: number): Callable["call"] {
    return ([items]) =>
      this.#budget.nested(() => {
        const out: MarkedText[] = [];
        this.#loop(node, items, scope, out, depth + 1);
        return new Text(this.#joined(out));
      });
  }

  #assign(target: Expression, value: Value, scope: Scope): void {
    if (target.type === "Name") {
      scope.set(target.name, value);
    } else if (target.type === "Tuple") {
      const items = elements(value);
      if (items.length !== target.items.length)
        throw new JinjaRuntimeError(`cannot unpack ${items.length} values into ${target.items.length} names`);
      target.items.forEach((name, i) => this.#assign(name, items[i], scope));
    } else if (target.type === "Attribute") {
      const object = this.#evaluator.value(target.object, scope);
      if (!(object instanceof Namespace)) throw new JinjaRuntimeError("cannot assign attribute on non-namespace object");
      object.entries.set(target.name, value);
    }
  }

  #macro(name: string, parameters: readonly Parameter[], body: readonly Statement[], scope: Scope): Callable {
    return new Callable((positional, keyword) =>
      this.#budget.nested(() => {
        const inside = new Scope(scope);
        const left = new Map(keyword);
        const caller = left.get("caller");
        if (left.delete("caller")) inside.set("caller", caller);
        parameters.forEach((parameter, i) => {
          const { name: key, byDefault } = parameter;
          if (i < positional.length) inside.set(key, positional[i]);
          else if (left.has(key)) inside.set(key, left.get(key));
          else inside.set(key, byDefault ? this.#evaluator.value(byDefault, inside) : undefined);
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
}

/** Whether a macro's body reads a name, anywhere below. */
function mentions(nodes: unknown, name: string): boolean {
  if (Array.isArray(nodes)) return nodes.some((node) => mentions(node, name));
  if (typeof nodes !== "object" || nodes === null) return false;
  const node = nodes as { type?: string; name?: unknown };
  return (node.type === "Name" && node.name === name) || Object.values(node).some((child) => mentions(child, name));
}
