/**
 * A small WebAssembly assembler: functions return bytes of code, so that kernels are written as nested expressions and no
 * binary is committed. Opcodes as in the WebAssembly core specification, chapter 5 (binary format), SIMD included.
 */
export type Code = readonly number[];

export const seq = (...parts: readonly Code[]): Code => parts.flat();

/** LEB128, as the binary format writes counts and indices. */
export function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const more = rest > 127;
    bytes.push((rest & 127) | (more ? 128 : 0));
    rest >>>= 7;
  } while (rest !== 0);
  return bytes;
}

function signed(value: number): Code {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 127;
    rest >>= 7;
    const done = (rest === 0 && (low & 64) === 0) || (rest === -1 && (low & 64) !== 0);
    bytes.push(done ? low : low | 128);
    if (done) return bytes;
  }
}

const floatBytes = (value: number): Code => [...new Uint8Array(new Float32Array([value]).buffer)];
const simd = (opcode: number): Code => [0xfd, ...unsigned(opcode)];
const unary =
  (...opcode: Code): Unary =>
  (a) => [...a, ...opcode];
const binary =
  (...opcode: Code): Binary =>
  (a, b) => [...a, ...b, ...opcode];
const simdUnary = (opcode: number): Unary => unary(...simd(opcode));
const simdBinary = (opcode: number): Binary => binary(...simd(opcode));
const load =
  (opcode: Code, align: number): Load =>
  (address, offset = 0) => [...address, ...opcode, align, ...unsigned(offset)];
const store =
  (opcode: Code, align: number): Store =>
  (address, value, offset = 0) => [...address, ...value, ...opcode, align, ...unsigned(offset)];

type Unary = (a: Code) => Code;
type Binary = (a: Code, b: Code) => Code;
type Load = (address: Code, offset?: number) => Code;
type Store = (address: Code, value: Code, offset?: number) => Code;
type Operations<Kind, Names extends string> = Readonly<Record<Names, Kind>>;

export const i32: { readonly const: (value: number) => Code; readonly load: Load; readonly eqz: Unary } & Operations<
  Binary,
  "add" | "sub" | "mul" | "and" | "shl" | "eq" | "ltU" | "gtU" | "leU"
> = {
  const: (value) => [0x41, ...signed(value)],
  load: load([0x28], 2),
  eqz: unary(0x45),
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  and: binary(0x71),
  shl: binary(0x74),
  eq: binary(0x46),
  ltU: binary(0x49),
  gtU: binary(0x4b),
  leU: binary(0x4d),
};

export const f32: {
  readonly const: (value: number) => Code;
  readonly load: Load;
  readonly store: Store;
  readonly sqrt: Unary;
  readonly fromU32: Unary;
} & Operations<Binary, "add" | "sub" | "mul" | "div" | "max"> = {
  const: (value) => [0x43, ...floatBytes(value)],
  load: load([0x2a], 2),
  store: store([0x38], 2),
  sqrt: unary(0x91),
  fromU32: unary(0xb3),
  add: binary(0x92),
  sub: binary(0x93),
  mul: binary(0x94),
  div: binary(0x95),
  max: binary(0x97),
};

export const f32x4: {
  readonly const: (value: number) => Code;
  readonly load: Load;
  readonly loadSplat: Load;
  readonly store: Store;
  readonly lane: (vector: Code, lane: number) => Code;
  /** Lanes 0-3 of the result's choice come from a, 4-7 from b. */
  readonly shuffle: (a: Code, b: Code, lanes: readonly number[]) => Code;
} & Operations<Unary, "splat" | "abs" | "neg" | "sqrt"> &
  Operations<Binary, "add" | "sub" | "mul" | "div" | "min" | "max" | "greater" | "and"> = {
  const: (value) => [...simd(12), ...floatBytes(value), ...floatBytes(value), ...floatBytes(value), ...floatBytes(value)],
  load: load(simd(0), 2),
  loadSplat: load(simd(9), 2),
  store: store(simd(11), 2),
  lane: (vector, lane) => [...vector, ...simd(31), lane],
  shuffle: (a, b, lanes) => [...a, ...b, ...simd(13), ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte))],
  splat: simdUnary(19),
  abs: simdUnary(224),
  neg: simdUnary(225),
  sqrt: simdUnary(227),
  add: simdBinary(228),
  sub: simdBinary(229),
  mul: simdBinary(230),
  div: simdBinary(231),
  min: simdBinary(232),
  max: simdBinary(233),
  greater: simdBinary(68),
  and: simdBinary(78),
};

export const i32x4: {
  readonly const: (...lanes: readonly number[]) => Code;
  readonly splat: Unary;
  readonly shl: (vector: Code, count: number) => Code;
} & Operations<Binary, "add" | "lessU" | "and" | "andNot"> & { readonly select: (whenSet: Code, otherwise: Code, mask: Code) => Code } = {
  const: (...lanes) => [...simd(12), ...new Uint8Array(Int32Array.from({ length: 4 }, (_, lane) => lanes[lane % lanes.length]).buffer)],
  splat: simdUnary(17),
  shl: (vector, count) => [...vector, ...i32.const(count), ...simd(171)],
  add: simdBinary(174),
  lessU: simdBinary(58),
  and: simdBinary(78),
  andNot: simdBinary(79),
  select: (whenSet, otherwise, mask) => [...whenSet, ...otherwise, ...mask, ...simd(82)],
};

/** One local variable of a function. */
export interface Local {
  readonly get: Code;
  readonly set: (value: Code) => Code;
}

export const ifThen = (condition: Code, then: Code, otherwise?: Code): Code =>
  otherwise ? [...condition, 0x04, 0x40, ...then, 0x05, ...otherwise, 0x0b] : [...condition, 0x04, 0x40, ...then, 0x0b];

/** Runs `body` while `counter` < `end` (unsigned), adding `step` after each turn. */
export function whileBelow(counter: Local, end: Code, step: Code, body: Code): Code {
  return ifThen(i32.ltU(counter.get, end), [
    0x03,
    0x40,
    ...body,
    ...counter.set(i32.add(counter.get, step)),
    ...i32.ltU(counter.get, end),
    0x0d,
    0,
    0x0b,
  ]);
}
