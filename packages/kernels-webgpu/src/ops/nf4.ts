import { dynamicCode, nf4Code } from "@sft/kernels";
import type { OpEmitter } from "../dispatch.ts";
import { emitElementwise } from "./elementwise/elementwiseKernel.ts";

const table = (name: string, code: Float32Array): string =>
  `const ${name} = array<f32, ${code.length}>(${Array.from(code, (value) => `${value.toExponential()}f`).join(", ")});\n`;

/** Unpacks 4-bit weights, one element a thread. */
export const dequantizeNf4: OpEmitter = (emitter, { inputs: [codes, scaleCodes, scales, offset], outputs: [y] }) => {
  emitElementwise(
    emitter,
    {
      label: "dequantizeNf4",
      inputs: [],
      outputs: ["y"],
      shared: { codes: "read u32", scaleCodes: "read u32", scales: "read f32", offset: "read f32" },
      declarations: table("NF4", nf4Code) + table("SIGNED", dynamicCode(true)),
      scalar: true,
      body: `
  let at = p.first + i;
  let block = at / 64u;
  let scaleCode = (scaleCodes[block / 4u] >> (8u * (block & 3u))) & 255u;
  let code = (codes[at / 8u] >> (4u * (at & 7u))) & 15u;
  y[i] = NF4[code] * (SIGNED[scaleCode] * scales[block / 256u] + offset[0]);`,
    },
    { codes: codes!, scaleCodes: scaleCodes!, scales: scales!, offset: offset!, y: y! },
  );
};
