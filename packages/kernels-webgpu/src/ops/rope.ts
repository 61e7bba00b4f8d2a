import type { OpEmitter } from "../dispatch.ts";
import { linearGrid, linearGroup } from "../grid.ts";
import { kernelVariant } from "../kernel.ts";
import { floatElement, rowBytes, rowsOf } from "../operand.ts";
import { rowRanges } from "../rowRanges.ts";

const WORKGROUP = 256;

/**
 * Rotates pairs (i, i + h) of each head by the angle of the row's position: a thread takes one pair or one passed-through
 * element, or four neighbours where h and the head size are multiples of four.
 */
export const rope: OpEmitter = (emitter, { inputs: [x, positions, cos, sin], outputs: [y], attributes }) => {
  const headDim = attributes["headDim"] as number;
  const pairs = (attributes["rotaryDim"] as number) / 2;
  const width = x!.shape[1]!;
  const lanes = pairs % 4 === 0 && headDim % 4 === 0 ? 4 : 1;
  const [from, to, wide] = [floatElement(x!, lanes), floatElement(y!, lanes), lanes === 4 ? "vec4f" : "f32"] as const;
  const [h, perHead, heads] = [pairs / lanes, (headDim - pairs) / lanes, width / headDim];
  const kernel = kernelVariant(`rope|${from}|${to}|${headDim}|${pairs}`, () => ({
    label: "rope",
    workgroupSize: [WORKGROUP, 1],
    bindings: {
      x: `read ${from}`,
      positions: "read i32",
      cosine: `read ${wide}`,
      sine: `read ${wide}`,
      y: `read_write ${to}`,
    },
    parameters: { count: "u32", heads: "u32", signOfAngle: "f32" },
    body: `
  let thread = (${linearGroup}) * ${WORKGROUP}u + lane;
  if (thread >= p.count) { return; }
  let i = thread % ${perHead}u;
  let head = thread / ${perHead}u;
  let row = head / p.heads;
  let at = head * ${headDim / lanes}u + i;
${
  perHead === h
    ? ""
    : `  if (i >= ${h}u) {
    y[at + ${h}u] = ${to}(x[at + ${h}u]);
    return;
  }`
}
  let angle = u32(positions[row]) * ${h}u + i;
  let c = cosine[angle];
  let s = sine[angle] * p.signOfAngle;
  let left = ${wide}(x[at]);
  let right = ${wide}(x[at + ${h}u]);
  y[at] = ${to}(left * c - right * s);
  y[at + ${h}u] = ${to}(right * c + left * s);`,
  }));
  const sizes = [rowBytes(x!), rowBytes(y!), 4];
  for (const { start, count } of rowRanges("rope", x!.shape[0]!, sizes, emitter.limits.maxBindingBytes)) {
    const threads = count * heads * perHead;
    emitter.dispatch(
      kernel,
      { x: rowsOf(x!, start, count), positions: rowsOf(positions!, start, count), cosine: cos!, sine: sin!, y: rowsOf(y!, start, count) },
      { count: threads, heads, signOfAngle: attributes["inverse"] ? -1 : 1 },
      linearGrid(Math.ceil(threads / WORKGROUP), emitter.limits),
    );
  }
};
