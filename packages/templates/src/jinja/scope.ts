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
    return this.#variables.has(name) ? this.#variables.get(name) : this.#outer?.get(name);
  }
}
