import { type Code, type Local, unsigned } from "./assembler.ts";

export type ValueType = "i32" | "f32" | "v128";

const TYPE_BYTE: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

/** A function of the module; call it with `call`. */
export interface FunctionReference {
  readonly index: number;
  readonly call: (...args: readonly Code[]) => Code;
}

export interface FunctionScope {
  readonly params: readonly Local[];
  readonly local: (type: ValueType) => Local;
}

interface FunctionEntry {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly result: ValueType | undefined;
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

/** Collects functions and writes a module that imports one memory as env.memory and exports every function by name. */
export class ModuleBuilder {
  private readonly entries: FunctionEntry[] = [];

  define(name: string, params: readonly ValueType[], write: (scope: FunctionScope) => Code, result?: ValueType): FunctionReference {
    const locals: ValueType[] = [];
    const localAt = (index: number): Local => ({ get: [0x20, ...unsigned(index)], set: (value) => [...value, 0x21, ...unsigned(index)] });
    const body = write({
      params: params.map((_, index) => localAt(index)),
      local: (type) => localAt(params.length + locals.push(type) - 1),
    });
    const index = this.entries.push({ name, params, result, locals, body }) - 1;
    return { index, call: (...args) => [...args.flat(), 0x10, ...unsigned(index)] };
  }

  /** The module's bytes, for a memory of at most `maximumPages` pages of 64 KiB. */
  build(maximumPages: number, shared: boolean): Uint8Array {
    const { entries } = this;
    const text = (value: string): Code => {
      const bytes = [...new TextEncoder().encode(value)];
      return [...unsigned(bytes.length), ...bytes];
    };
    const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
    const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
    const types = entries.map(({ params, result }) => [
      0x60,
      ...list(params.map((type) => [TYPE_BYTE[type]])),
      ...list(result ? [[TYPE_BYTE[result]]] : []),
    ]);
    const memory = [...text("env"), ...text("memory"), 0x02, shared ? 0x03 : 0x01, ...unsigned(1), ...unsigned(maximumPages)];
    const bodies = entries.map(({ locals, body }) => {
      const code = [...list(locals.map((type) => [1, TYPE_BYTE[type]])), ...body, 0x0b];
      return [...unsigned(code.length), ...code];
    });
    return Uint8Array.from([
      0x00,
      0x61,
      0x73,
      0x6d,
      0x01,
      0x00,
      0x00,
      0x00,
      ...section(1, list(types)),
      ...section(2, list([memory])),
      ...section(3, list(entries.map((_, index) => unsigned(index)))),
      ...section(7, list(entries.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]))),
      ...section(10, list(bodies)),
    ]);
  }
}
