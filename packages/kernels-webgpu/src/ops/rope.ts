import type { OpEmitter } from "../dispatch.ts";
import { linearGrid, linearGroup } from "../grid.ts";
import { kernelVariant } from "../kernel.ts";
import { rowBytes, rowsOf } from "../operand.ts";
import { rowRanges } from "../rowRanges.ts";

const WORKGROUP = 64;

/** Rotates pairs (i, i + h) of each head by the angle of the row's position; one thread a pair or a passed-through element. */
export const rope: OpEmitter = (emitter, { inputs: [x, positions, cos, sin], outputs: [y], attributes }) => {
  const headDim = attributes["headDim"] as number;
  const pairs = (attributes["rotaryDim"] as number) / 2;
  const width = x!.shape[1]!;
  const kernel = kernelVariant("rope", () => ({
    label: "rope",
    workgroupSize: [WORKGROUP, 1],
    bindings: { x: "read f32", positions: "read i32", cosine: "read f32", sine: "read f32", y: "read_write f32" },
    parameters: { count: "u32", width: "u32", headDim: "u32", pairs: "u32", signOfAngle: "f32" },
    body: `
  let thread = (${linearGroup}) * ${WORKGROUP}u + lane;
  if (thread >= p.count) { return; }
  let perHead = p.headDim - p.pairs;
  let heads = p.width / p.headDim;
  let i = thread % perHead;
  let head = (thread / perHead) % heads;
  let row = thread / (perHead * heads);
  let base = row * p.width + head * p.headDim;
  if (i >= p.pairs) {
    y[base + i + p.pairs] = x[base + i + p.pairs];
    return;
  }
  let angle = u32(positions[row]) * p.pairs + i;
  let c = cosine[angle];
  let s = sine[angle] * p.signOfAngle;
  let left = x[base + i];
  let right = x[base + i + p.pairs];
  y[base + i] = left * c - right * s;
  y[base + i + p.pairs] = right * c + left * s;`,
  }));
  for (const { start, count } of rowRanges("rope", x!.shape[0]!, [rowBytes(x!), 4], emitter.limits.maxBindingBytes)) {
    const threads = count * (width / headDim) * (headDim - pairs);
    emitter.dispatch(
      kernel,
      { x: rowsOf(x!, start, count), positions: rowsOf(positions!, start, count), cosine: cos!, sine: sin!, y: rowsOf(y!, start, count) },
      { count: threads, width, headDim, pairs, signOfAngle: attributes["inverse"] ? -1 : 1 },
      linearGrid(Math.ceil(threads / WORKGROUP), emitter.limits),
    );
  }
};
