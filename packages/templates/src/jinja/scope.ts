import type { Value } from "./value.ts";

/** Variables visible at a point of the template; an inner scope never writes to an outer one. */
export class Scope {
  readonly #variables = new Map<string, Value>();
  readonly #outer: Scope | null;

  constructor(outer: Scope | null = null) {
    this.#outer = outer;
  }

  set(name: string, value: Value): void {
    this.#variables.set(name, value);
  }

  get(name: string): Value {
    // A loop, and not a call: macros and loops nest deeply.
    for (let scope: Scope | null = this; scope; scope = scope.#outer) if (scope.#variables.has(name)) return scope.#variables.get(name);
    return undefined;
  }
}
