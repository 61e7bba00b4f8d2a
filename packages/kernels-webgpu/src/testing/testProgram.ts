import {
  adamw,
  addBias,
  attention,
  backward,
  byteLength,
  dropout,
  elementCount,
  embedding,
  gatedActivation,
  gradNorm,
  linearCrossEntropy,
  matmul,
  rmsNorm,
  rope,
  Tape,
  unscaleNorm,
  type Attributes,
  type OpDefinition,
  type Program,
  type TensorSpec,
  type Value,
} from "@sft/kernels";

/** Sizes of a small language model and its batch. */
export interface TestModel {
  readonly batch: number;
  readonly tokens: number;
  readonly width: number;
  readonly vocabulary: number;
  readonly supervised: number;
}

/** One whole training step: embedding, a transformer block, loss, backward, gradient norm and AdamW, with every kind of op that grows. */
export function trainingStep({ batch, tokens, width, vocabulary, supervised }: TestModel): Program {
  const tape = new Tape("training step");
  const rows = batch * tokens;
  const heads = { batch, queryHeads: 4, keyValueHeads: 2, headDim: width / 4, scale: 0.2, window: 0, softcap: 0 };
  const apply = <A extends Attributes>(op: OpDefinition<A>, inputs: readonly Value[], attributes: A): Value =>
    tape.apply(op, inputs, attributes)[0]!;
  const project = (x: Value, name: string, out: number): Value =>
    apply(matmul, [x, tape.parameter(name, [out, x.shape[1]!], true)], { transposeA: false, transposeB: true, alpha: 1 });

  const table = tape.parameter("table", [vocabulary, width], true);
  const embedded = apply(embedding, [table, tape.input("ids", [rows]), tape.input("order", [rows])], {});
  const hidden = apply(addBias, [embedded, tape.parameter("bias", [width], true)], {});
  const normed = apply(rmsNorm, [hidden, tape.parameter("normWeight", [width], true)], { epsilon: 1e-5, weightOffset: 0 });
  const positions = tape.input("positions", [rows]);
  const angles = [tape.input("cos", [tokens, width / 8], "f32"), tape.input("sin", [tokens, width / 8], "f32")];
  const turn = (x: Value): Value => apply(rope, [x, positions, ...angles], { headDim: width / 4, rotaryDim: width / 4, inverse: false });
  const attended = apply(
    attention,
    [
      turn(project(normed, "q", width)),
      turn(project(normed, "k", width / 2)),
      project(normed, "v", width / 2),
      tape.input("segments", [rows]),
    ],
    heads,
  );
  const kept = apply(dropout, [attended, tape.input("seed", [1])], { probability: 0.1, salt: 3 });
  const gated = apply(gatedActivation, [project(kept, "gate", width), project(kept, "up", width)], { kind: "silu" });
  const out = tape.add(hidden, project(gated, "down", width));
  const loss = apply(
    linearCrossEntropy,
    [
      out,
      tape.parameter("head", [vocabulary, width], true),
      tape.input("rows", [supervised]),
      tape.input("targets", [supervised]),
      tape.input("weights", [supervised], "f32"),
    ],
    { alpha: 1, softcap: 0, labelSmoothing: 0, zLoss: 0 },
  );
  const gradients = new Map<string, Value>();
  backward(tape, loss, (parameter) => {
    let gradient = gradients.get(parameter.name);
    if (!gradient) gradients.set(parameter.name, (gradient = tape.external(`${parameter.name}.gradient`, "gradient", parameter.shape)));
    return gradient;
  });
  tape.copy(loss, tape.output("loss", [1]));
  const gate = tape.output("norm", [3]);
  const [norm] = tape.apply(gradNorm, [...gradients.values()], {});
  tape.apply(unscaleNorm, [norm!, tape.input("scale", [1], "f32")], {}, [gate]);
  const schedule = tape.input("schedule", [4], "f32");
  for (const [name, gradient] of gradients) {
    const parameter = tape.external(name, "parameter", gradient.shape);
    const [m, v] = ["m", "v"].map((state) => tape.external(`${name}.${state}`, "state", gradient.shape)) as [Value, Value];
    tape.apply(
      adamw,
      [parameter, gradient, m, v, schedule, gate],
      { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 },
      [parameter, m, v],
    );
  }
  return tape.finish();
}

/** Values for every bound tensor of `trainingStep`, the same each time. */
export function fillStep(model: TestModel, tensor: TensorSpec): Float32Array | Int32Array {
  const { batch, tokens, vocabulary, supervised } = model;
  const rows = batch * tokens;
  const length = elementCount(tensor.shape);
  const ids = Int32Array.from({ length: rows }, (_, index) => (index * 7919) % vocabulary);
  const random = randomFloats(tensor.name.length * 1000 + length);
  const floats = (scale: number): Float32Array => Float32Array.from({ length }, () => scale * random());
  switch (tensor.name) {
    case "scale":
      return Float32Array.of(1);
    case "ids":
      return ids;
    case "order":
      return Int32Array.from(Array.from(ids.keys()).sort((a, b) => ids[a]! - ids[b]! || a - b));
    case "positions":
      return Int32Array.from({ length }, (_, index) => index % tokens);
    case "segments":
      return Int32Array.from({ length }, (_, index) => (index % tokens < tokens / 2 ? 1 : 2));
    case "seed":
      return Int32Array.of(42);
    case "rows":
      return Int32Array.from({ length: supervised }, (_, index) => (index % 9 === 8 ? -1 : Math.floor((index * rows) / supervised)));
    case "targets":
      return Int32Array.from({ length: supervised }, (_, index) => (index * 31) % vocabulary);
    case "weights":
      return new Float32Array(supervised).fill(1 / supervised);
    case "schedule":
      return Float32Array.of(1e-3, 0.1, 0.001, 0);
    case "cos":
      return floats(1).map((angle) => Math.cos(angle));
    case "sin":
      return floats(1).map((angle) => Math.sin(angle));
    default:
      return tensor.role === "parameter" ? floats(tensor.name === "normWeight" ? 1 : 0.2) : new Float32Array(length);
  }
}

/** Uniform in [-1, 1): mulberry32. */
function randomFloats(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2147483648 - 1;
  };
}

/** Bytes of the largest tensor of a program. */
export function largestTensor(program: Program): number {
  return Math.max(...program.tensors.map((tensor) => byteLength(tensor)));
}
