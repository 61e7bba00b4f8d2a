import type { LinearCrossEntropyAttributes } from "@sft/kernels";
import type { Emitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { kernelVariant, type BindingType, type Kernel } from "../../kernel.ts";
import type { Operand } from "../../operand.ts";
import { workgroupReduction } from "../../wgsl/reduction.ts";
import { softcapOver } from "../../wgsl/softcap.ts";
import { LOWEST } from "../attention/headTile.ts";
import type { LogitChunk } from "./logitChunks.ts";

const THREADS = 256;

/** What the rows of a chunk of logits are turned into. */
export interface LogitRows {
  readonly rows: Operand;
  readonly targets: Operand;
  /** Read where `rowLoss` is not wanted, else written. */
  readonly logSumExp: Operand;
  /** Losses of the rows, where they are wanted. */
  readonly rowLoss?: Operand;
  /** Factors of the rows' gradients, where those are wanted. */
  readonly factors?: { readonly dLoss: Operand; readonly weights: Operand };
}

/**
 * One workgroup a row: logSumExp and loss of its logits, and then their gradient, dLoss * weights[r] * (softmax(logits)
 * (1 + 2 zLoss logSumExp[r]) - (1 - e) onehot(targets[r]) - e / V) times the slope of the soft cap; all of it 0 for padding.
 */
export function emitLogitRows(
  emitter: Emitter,
  { first, logits, gradient }: LogitChunk,
  { rows, targets, logSumExp, rowLoss, factors }: LogitRows,
  { softcap, labelSmoothing, zLoss }: LinearCrossEntropyAttributes,
): void {
  const [count, vocabulary] = logits.shape as [number, number];
  const apart = gradient.storage !== logits.storage;
  const written = factors === undefined ? "none" : gradient.dtype !== "f16" ? "inPlace" : apart ? "wordsApart" : "wordsInPlace";
  const kernel = rowKernel(vocabulary % 4 === 0 ? 4 : 1, rowLoss !== undefined, written);
  emitter.dispatch(
    kernel,
    { rows, targets, ...factors, logits, logSumExp, ...(rowLoss ? { rowLoss } : {}), ...(written === "wordsApart" ? { gradient } : {}) },
    {
      count,
      first,
      vocabulary,
      softcap,
      labelSmoothing,
      zLoss,
      growth: 2 * zLoss,
      onTarget: 1 - labelSmoothing,
      everywhere: labelSmoothing / vocabulary,
    },
    linearGrid(count, emitter.limits),
  );
}

/** Where the gradient goes: in float32 over the logits, or as words of two float16 over them, in the first half of a row's memory, or apart. */
type Written = "none" | "inPlace" | "wordsInPlace" | "wordsApart";

/** `piece` logits are read at a time. Gradients in float16 need rows of a multiple of 8. */
function rowKernel(piece: 1 | 4, losses: boolean, gradient: Written): Kernel {
  const [words, apart] = [gradient === "wordsInPlace", gradient === "wordsApart"];
  const wide = piece === 4 ? "vec4f" : "f32";
  const wanted = [...(losses ? ["losses"] : []), ...(gradient === "none" ? [] : ["gradient"])].join(" and ");
  return kernelVariant(`logitRows|${piece}|${losses}|${gradient}`, () => {
    const bindings: Record<string, BindingType> = {
      rows: "read i32",
      targets: "read i32",
      ...(gradient === "none" ? {} : { dLoss: "read f32", weights: "read f32" }),
      logits: `${gradient === "none" || apart ? "read" : "read_write"} ${words ? "vec4u" : wide}`,
      logSumExp: losses ? "read_write f32" : "read f32",
      ...(losses ? { rowLoss: "read_write f32" } : {}),
      ...(apart ? { gradient: "read_write vec4u" } : {}),
    };
    return {
      label: `linearCrossEntropy, ${wanted} of rows`,
      workgroupSize: [THREADS, 1],
      bindings,
      parameters: {
        count: "u32",
        first: "u32",
        vocabulary: "u32",
        softcap: "f32",
        ...(losses ? ({ labelSmoothing: "f32", zLoss: "f32" } as const) : {}),
        ...(gradient === "none" ? {} : ({ growth: "f32", onTarget: "f32", everywhere: "f32" } as const)),
      },
      declarations: `${losses ? workgroupReduction(THREADS) : ""}${softcapOver(wide)}
fn logitsAt(at: u32) -> T { return capped(${words ? "bitcast<T>(logits[at])" : "logits[at]"}); }
${gradient === "none" ? "" : slopeOfLoss(piece)}`,
      body: `
  let r = ${linearGroup};
  if (r >= p.count) { return; }
  let slot = p.first + r;
  let padding = rows[slot] < 0;
  let onTarget = select(u32(targets[slot]), 0u, padding);
  let pieces = p.vocabulary / ${piece}u;
  let base = r * pieces;
${losses ? lossOfRow(piece) : "  let value = logSumExp[slot];"}
${gradient === "none" ? "" : words ? gradientInWords : apart ? gradientApart : gradientInPlace(losses)}`,
    };
  });
}

/** `value`, the logSumExp of a row, for all threads; the first one stores it with the row's loss. */
function lossOfRow(piece: 1 | 4): string {
  const [peakOf, sumOf] =
    piece === 4
      ? [(v: string) => `max(max(${v}.x, ${v}.y), max(${v}.z, ${v}.w))`, (v: string) => `dot(${v}, T(1.0))`]
      : [(v: string) => v, (v: string) => v];
  return `  var peak = ${LOWEST};
  var total = 0.0;
  var sum = 0.0;
  for (var c = lane; c < pieces; c += ${THREADS}u) {
    let logit = logitsAt(base + c);
    let newPeak = max(peak, ${peakOf("logit")});
    let terms = exp(logit - newPeak);
    total = total * exp(max(peak - newPeak, -100.0)) + ${sumOf("terms")};
    peak = newPeak;
    sum += ${sumOf("logit")};
  }
  let rowPeak = workgroupMax(peak, lane);
  let rowTotal = workgroupSum(total * exp(max(peak - rowPeak, -100.0)), lane);
  var rowSum = 0.0;
  if (p.labelSmoothing > 0.0) { rowSum = workgroupSum(sum, lane); }
  let value = rowPeak + log(rowTotal);
  if (lane == 0u) {
    let logit = logitsAt(base + onTarget / ${piece}u)${piece === 4 ? "[onTarget % 4u]" : ""};
    var loss = (1.0 - p.labelSmoothing) * (value - logit) + p.zLoss * value * value;
    if (p.labelSmoothing > 0.0) { loss += p.labelSmoothing * (value - rowSum / f32(p.vocabulary)); }
    logSumExp[slot] = select(value, 0.0, padding);
    rowLoss[slot] = select(loss, 0.0, padding);
  }`;
}

/** WGSL `slopeOfLoss`: the gradient of a row's loss by the logits of piece c, with `value` the row's logSumExp. */
function slopeOfLoss(piece: 1 | 4): string {
  return `
fn slopeOfLoss(logit: T, c: u32, onTarget: u32, value: f32) -> T {
  var slope = exp(min(logit - value, T(0.0))) * (1.0 + p.growth * value) - p.everywhere;
  if (c == onTarget / ${piece}u) { slope${piece === 4 ? "[onTarget % 4u]" : ""} -= p.onTarget; }
  return slope * slopeOfCap(logit);
}`;
}

/** Each thread writes where it has read. The loss reads the target's logit, which another thread writes. */
function gradientInPlace(losses: boolean): string {
  return `${losses ? "  storageBarrier();\n" : ""}  let factor = dLoss[0] * weights[slot];
  for (var c = lane; c < pieces; c += ${THREADS}u) {
    logits[base + c] = select(factor * slopeOfLoss(logitsAt(base + c), c, onTarget, value), T(0.0), padding);
  }`;
}

/** Eight logits a thread become one vec4u of float16. */
const gradientApart = `  let factor = dLoss[0] * weights[slot];
  for (var c = lane; c < pieces / 2u; c += ${THREADS}u) {
    let low = select(factor * slopeOfLoss(logitsAt(base + 2u * c), 2u * c, onTarget, value), T(0.0), padding);
    let high = select(factor * slopeOfLoss(logitsAt(base + 2u * c + 1u), 2u * c + 1u, onTarget, value), T(0.0), padding);
    gradient[base / 2u + c] = vec4u(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
  }`;

/** Eight logits a thread become one vec4u of float16; what a round writes, it or an earlier one has read. */
const gradientInWords = `  let factor = dLoss[0] * weights[slot];
  for (var start = 0u; start < pieces / 2u; start += ${THREADS}u) {
    let c = start + lane;
    let inside = c < pieces / 2u;
    var low = T();
    var high = T();
    if (inside) {
      low = logitsAt(base + 2u * c);
      high = logitsAt(base + 2u * c + 1u);
    }
    storageBarrier();
    if (inside) {
      low = select(factor * slopeOfLoss(low, 2u * c, onTarget, value), T(0.0), padding);
      high = select(factor * slopeOfLoss(high, 2u * c + 1u, onTarget, value), T(0.0), padding);
      logits[base + c] = vec4u(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
    }
  }`;
