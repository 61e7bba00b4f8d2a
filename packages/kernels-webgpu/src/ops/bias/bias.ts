import type { OpEmitter } from "../../dispatch.ts";
import { linearGrid, linearGroup } from "../../grid.ts";
import { kernelVariant } from "../../kernel.ts";
import { floatElement, rowBytes, rowsOf } from "../../operand.ts";
import { rowRanges } from "../../rowRanges.ts";
import { emitColumnSum } from "./columnSum.ts";

const THREADS = 256;

/** y[M] = sum over rows of x[N,M], plus the optional addend. */
export const columnSum: OpEmitter = (emitter, { inputs: [x, addend], outputs: [y] }) => {
  emitColumnSum(
    emitter,
    { label: "columnSum", inputs: ["x"], terms: ["f32(x[r * p.width + c])"] },
    { x: x! },
    x!.shape[0]!,
    x!.shape[1]!,
    [y!],
    [addend],
  );
};

/** y[N,M] = x[N,M] + bias[M], four elements a thread where the width allows it. */
export const addBias: OpEmitter = (emitter, { inputs: [x, bias], outputs: [y] }) => {
  const width = x!.shape[1]!;
  const lane = width % 4 === 0 ? 4 : 1;
  const [from, to] = [floatElement(x!, lane), floatElement(y!, lane)];
  const wide = lane === 4 ? "vec4f" : "f32";
  const kernel = kernelVariant(`addBias|${from}|${to}|${width}`, () => ({
    label: "addBias",
    workgroupSize: [THREADS, 1],
    bindings: { x: `read ${from}`, bias: `read ${wide}`, y: `read_write ${to}` },
    parameters: { count: "u32" },
    body: `
  let i = (${linearGroup}) * ${THREADS}u + lane;
  if (i >= p.count) { return; }
  y[i] = ${to}(${wide}(x[i]) + bias[i % ${width / lane}u]);`,
  }));
  for (const { start, count } of rowRanges("addBias", x!.shape[0]!, [rowBytes(x!), rowBytes(y!)], emitter.limits.maxBindingBytes)) {
    const threads = (count * width) / lane;
    emitter.dispatch(
      kernel,
      { x: rowsOf(x!, start, count), bias: bias!, y: rowsOf(y!, start, count) },
      { count: threads },
      linearGrid(Math.ceil(threads / THREADS), emitter.limits),
    );
  }
};
