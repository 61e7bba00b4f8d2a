import type { BackendBuffer, HostArray } from "@sft/kernels";
import { inputNames, type LanguageModel } from "@sft/model";
import type { TokenBatch } from "@sft/mask";

/** Names of the loss inputs of a program. */
export const lossInputs = { rows: "loss.rows", targets: "loss.targets", weights: "loss.weights" } as const;

/** Supervised rows are padded to a multiple of one of these, so that few shapes are compiled and products have whole tiles. */
const supervisedMultiples = [128, 64, 32] as const;
/** The multiple is at most this share of the supervised rows, but for the least: half of it is padding on average. */
const largestMultiple = 1 / 16;

/** Below this share of unsupervised rows, copying out the others and their gradients back takes longer than the last layer takes for them. */
const leastUnsupervised = 1 / 16;

/** Shape of the program that a micro batch needs; equal shapes share one compiled program. */
export interface MicroBatchShape {
  readonly batch: number;
  readonly length: number;
  /** Supervised rows, padding included. */
  readonly supervised: number;
  /** Tokens of the longest row, its last target included: what its rope tables depend on where they depend on a length. */
  readonly reach?: number;
}

/** Rows of the loss for a number of supervised tokens. */
export function paddedSupervised(tokens: number): number {
  const multiple = supervisedMultiples.find((rows) => rows <= largestMultiple * tokens) ?? supervisedMultiples.at(-1)!;
  return Math.max(1, Math.ceil(tokens / multiple)) * multiple;
}

/**
 * Whether the last layer goes on with the supervised rows alone after its attention, since the loss reads no others; else the head
 * picks them from all rows.
 */
export function leavesUnsupervised({ batch, length, supervised }: MicroBatchShape): boolean {
  return supervised <= (1 - leastUnsupervised) * batch * length;
}

export function shapeOf(batch: TokenBatch): MicroBatchShape {
  const supervised = paddedSupervised(batch.supervisedTokens);
  const last = batch.positions.reduce((most, position) => Math.max(most, position), 0);
  return { batch: batch.rows, length: batch.length, supervised, reach: last + 2 };
}

/** Equal for micro batches that share a program. */
export function programKey(model: LanguageModel, { batch, length, supervised, reach = length }: MicroBatchShape): string {
  return `${batch}x${length}:${supervised} ${model.ropeVariant(reach)}`;
}

/** The host data of the inputs of a program over `batch`, of those in `wanted`; loss weights are divided by `weightSum`. */
export function microBatchInputs(
  batch: TokenBatch,
  weightSum: number,
  wanted: { readonly has: (name: string) => boolean } = { has: () => true },
): ReadonlyMap<string, HostArray> {
  const shape = shapeOf(batch);
  const { supervised } = shape;
  const rows = new Int32Array(supervised).fill(-1);
  const targets = new Int32Array(supervised);
  const weights = new Float32Array(supervised);
  let count = 0;
  batch.weights.forEach((weight, index) => {
    if (weight === 0) return;
    rows[count] = index;
    targets[count] = batch.targets[index]!;
    weights[count] = weight / weightSum;
    count++;
  });
  return new Map<string, HostArray>([
    [inputNames.ids, batch.inputIds],
    ...(wanted.has(inputNames.order) ? [[inputNames.order, orderById(batch.inputIds)] as const] : []),
    ...(wanted.has(inputNames.positionOrder) ? [[inputNames.positionOrder, orderById(batch.positions)] as const] : []),
    [inputNames.positions, batch.positions],
    [inputNames.segments, batch.segments],
    [inputNames.rows, rows],
    [lossInputs.rows, leavesUnsupervised(shape) ? rows.map((row, place) => (row < 0 ? row : place)) : rows],
    [lossInputs.targets, targets],
    [lossInputs.weights, weights],
  ]);
}

/** Positions 0..N-1 sorted by token id, equal ids in ascending position: what the embedding's gradient reads. */
export function orderById(ids: Int32Array): Int32Array {
  const largest = ids.reduce((most, id) => Math.max(most, id), 0);
  // Counting: the places of each id follow those of all smaller ids.
  const next = new Int32Array(largest + 2);
  for (const id of ids) next[id + 1]!++;
  for (let id = 0; id <= largest; id++) next[id + 1]! += next[id]!;
  const order = new Int32Array(ids.length);
  ids.forEach((id, position) => (order[next[id]!++] = position));
  return order;
}

/** Uploads those inputs that a program really has. */
export function uploadInputs(
  upload: (buffer: BackendBuffer, data: HostArray) => void,
  buffers: ReadonlyMap<string, BackendBuffer>,
  inputs: ReadonlyMap<string, HostArray>,
): void {
  for (const [name, data] of inputs) {
    const buffer = buffers.get(name);
    if (buffer) upload(buffer, data);
  }
}
