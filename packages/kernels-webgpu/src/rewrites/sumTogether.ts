import { byteLength, type Instruction, type Program, type TensorRole, type TensorSpec } from "@sft/kernels";
import type { KernelLimits, OpEmitter } from "../dispatch.ts";
import { matmulParts, partsOfDepth, sumParts } from "../ops/matmul/sumParts.ts";
import { MOST_BUFFERS, sideBySideInstruction } from "./sideBySide.ts";

/** Products whose parts one launch adds up: two buffers each, and a device with matrix units binds ten. */
const MOST_PRODUCTS = 5;
/** Bytes of parts, and of blocks, that may wait for their sum: the gradients of a narrow model's layer, less than its activations. */
const MOST_BYTES = 64 * 2 ** 20;

/** Ops whose bound tensors each belong to one parameter, so that none is a view of what a product writes. */
const OWN_TENSORS: ReadonlySet<string> = new Set(["matmul", "rmsNormGrad", "rmsNormWeightGrad", "normGradients", "sumBlocks"]);

/** Roles of bound tensors that products may write. */
const WRITTEN: ReadonlySet<TensorRole> = new Set(["gradient", "state", "output"]);

/** Kernels of the instructions that `sumTogether` writes. */
export function emitterOfParts({ op, attributes }: Pick<Instruction, "op" | "attributes">): OpEmitter | undefined {
  return op === "sumParts" ? sumParts : attributes["partsOnly"] === true ? matmulParts : undefined;
}

interface Waiting {
  readonly planes: number;
  readonly y: number;
  readonly alpha: number;
  readonly accumulate: boolean;
}

/**
 * Lets products on matrix units that split their depth, as the gradients of LoRA's matrices do, leave their parts to one sum of
 * several, which saves the others' launches; sums of blocks of rows, as the gradients of norms' weights are, wait for each other alike.
 * They stand before the first instruction that touches one of the results, or that touches a tensor besides weights and inputs that
 * the caller binds, where that may be a larger view of one. Only sums into a float32 tensor that the caller binds wait. Pure; the sums are the same bits. `sameBuffer` as for `listDispatches`.
 */
export function sumTogether(program: Program, limits: KernelLimits, sameBuffer: (tensor: number) => number): Program {
  if (!limits.matrixUnits) return program;
  const tensors: TensorSpec[] = [...program.tensors];
  const instructions: Instruction[] = [];
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  let blocks: Instruction[] = [];
  const buffer = (index: number): number => (program.tensors[index]!.role === "activation" ? index : sameBuffer(index));
  const addUp = (): void => {
    if (waiting.length > 0) instructions.push(sumOf(waiting));
    [waiting, waitingBytes] = [[], 0];
  };
  const addUpBlocks = (): void => {
    if (blocks.length > 0) instructions.push(blocks.length === 1 ? blocks[0]! : sideBySideInstruction(blocks));
    blocks = [];
  };
  for (const instruction of program.instructions) {
    const touched = [...instruction.inputs, ...instruction.outputs];
    const buffers = new Set(touched.map(buffer));
    const mayOverlap = !OWN_TENSORS.has(instruction.op) && touched.some((index) => WRITTEN.has(program.tensors[index]!.role));
    const results = [...waiting.map(({ y }) => y), ...blocks.flatMap(({ outputs }) => outputs)];
    if (mayOverlap || results.some((y) => buffers.has(buffer(y)))) {
      addUp();
      addUpBlocks();
    }
    if (blocksCanWait(program, instruction, buffer)) {
      if (!haveRoom(program, blocks, instruction)) addUpBlocks();
      blocks.push(instruction);
      continue;
    }
    const parts = partsThatCanWait(program, instruction, limits, buffer);
    const [y] = instruction.outputs as [number];
    const planes: TensorSpec = {
      name: `${program.tensors[y]?.name}.parts`,
      role: "activation",
      dtype: "f32",
      shape: [parts, ...(program.tensors[y]?.shape ?? [])],
    };
    const bytes = byteLength(planes);
    if (parts === 1 || bytes > Math.min(MOST_BYTES, limits.maxBindingBytes)) {
      instructions.push(instruction);
      continue;
    }
    if (waiting.length === MOST_PRODUCTS || waitingBytes + bytes > MOST_BYTES) addUp();
    const index = tensors.push(planes) - 1;
    const { inputs, attributes } = instruction;
    instructions.push({ ...instruction, inputs: inputs.slice(0, 2), outputs: [index], attributes: { ...attributes, partsOnly: true } });
    waiting.push({ planes: index, y, alpha: attributes["alpha"] as number, accumulate: inputs.length > 2 });
    waitingBytes += bytes;
  }
  addUp();
  addUpBlocks();
  return instructions.length === program.instructions.length && tensors.length === program.tensors.length
    ? program
    : { ...program, tensors, instructions };
}

/** Whether an instruction adds up blocks of rows into a tensor that the caller binds, the one that it adds to if it adds to any. */
function blocksCanWait({ tensors }: Program, { op, inputs: [, addend], outputs }: Instruction, buffer: (index: number) => number): boolean {
  if (op !== "sumBlocks" || outputs.some((y) => !WRITTEN.has(tensors[y]!.role))) return false;
  return addend === undefined || buffer(addend) === buffer(outputs[0]!);
}

function haveRoom({ tensors }: Program, blocks: readonly Instruction[], { inputs, outputs }: Instruction): boolean {
  const bytes = [inputs[0]!, ...blocks.map((one) => one.inputs[0]!)].reduce((sum, index) => sum + byteLength(tensors[index]!), 0);
  return (
    bytes <= MOST_BYTES &&
    (blocks.length + 1) * (inputs.length + outputs.length) <= MOST_BUFFERS &&
    blocks.every((one) => one.inputs.length === inputs.length && one.outputs.length === outputs.length)
  );
}

/** Parts of a product whose sum can wait; 1 for all other instructions. */
function partsThatCanWait(
  program: Program,
  { op, inputs, outputs, attributes }: Instruction,
  limits: KernelLimits,
  buffer: (index: number) => number,
): number {
  if (op !== "matmul") return 1;
  const [y, addend] = [outputs[0]!, inputs[2]];
  const { role, dtype } = program.tensors[y]!;
  const reads = inputs.slice(0, 2).map(buffer);
  if (!WRITTEN.has(role) || dtype !== "f32" || reads.includes(buffer(y))) return 1;
  if (addend !== undefined && buffer(addend) !== buffer(y)) return 1;
  const operandOf = (index: number) => ({ ...program.tensors[index]!, storage: buffer(index) });
  return partsOfDepth({ op, inputs: inputs.map(operandOf), outputs: outputs.map(operandOf), attributes }, limits);
}

function sumOf(waiting: readonly Waiting[]): Instruction {
  return {
    op: "sumParts",
    inputs: [...waiting.map(({ planes }) => planes), ...waiting.flatMap(({ y, accumulate }) => (accumulate ? [y] : []))],
    outputs: waiting.map(({ y }) => y),
    attributes: Object.fromEntries(
      waiting.flatMap(({ alpha, accumulate }, i) => [
        [`alpha${i}`, alpha],
        [`accumulate${i}`, accumulate],
      ]),
    ),
  };
}
