import {
  add,
  addBias,
  backward,
  linearCrossEntropy,
  matmul,
  Tape,
  type Attributes,
  type OpDefinition,
  type Program,
  type Value,
} from "@sft/kernels";

export interface AdapterStep {
  readonly rows: number;
  /** Columns of the hidden states. */
  readonly width: number;
  readonly vocabulary: number;
  readonly supervised: number;
  /** Linear layers have a bias, too. */
  readonly bias?: boolean;
}

/** What layers are recorded with. */
export interface AdapterTape {
  readonly tape: Tape;
  /** The first output of an op. */
  readonly apply: <A extends Attributes>(op: OpDefinition<A>, inputs: readonly Value[], attributes: A) => Value;
  /** x W^T + addend + bias + 0.5 (x A^T) B^T with a frozen W [out, width of x] and a trained pair of rank 16. */
  readonly linear: (x: Value, name: string, out: number, addend?: Value) => Value;
}

/** A step that trains pairs on frozen weights: `layers` of trained hidden states [rows, width], the loss of what comes of them, gradients. */
export function adapterStep(
  { rows, width, vocabulary, supervised, bias = false }: AdapterStep,
  layers: (recorder: AdapterTape, hidden: Value) => Value,
): Program {
  const tape = new Tape("step");
  const apply: AdapterTape["apply"] = (op, inputs, attributes) => tape.apply(op, inputs, attributes)[0]!;
  const product = (operands: readonly Value[], alpha: number): Value =>
    apply(matmul, operands, { transposeA: false, transposeB: true, alpha });
  const linear: AdapterTape["linear"] = (x, name, out, addend) => {
    const weight = tape.parameter(name, [out, x.shape[1]!], false);
    let y = product(addend ? [x, weight, addend] : [x, weight], 1);
    if (bias) y = apply(addBias, [y, tape.parameter(`${name}.bias`, [out], false)], {});
    const low = product([x, tape.parameter(`${name}.A`, [16, x.shape[1]!], true)], 1);
    return product([low, tape.parameter(`${name}.B`, [out, 16], true), y], 0.5);
  };
  const hidden = apply(add, [tape.input("x", [rows, width], "f32"), tape.parameter("shift", [rows, width], true)], {});
  const last = layers({ tape, apply, linear }, hidden);
  const head = tape.parameter("head", [vocabulary, width], false);
  const targets = ["rows", "targets"].map((name) => tape.input(name, [supervised]));
  const loss = apply(linearCrossEntropy, [last, head, ...targets, tape.input("weights", [supervised], "f32")], {
    alpha: 1,
    softcap: 0,
    labelSmoothing: 0,
    zLoss: 0,
  });
  backward(tape, loss, ({ name, shape }) => tape.external(`${name}.gradient`, "gradient", shape), { overwrite: true });
  tape.copy(loss, tape.output("loss", [1]));
  return tape.finish();
}
