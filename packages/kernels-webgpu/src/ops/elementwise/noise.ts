import type { OpEmitter } from "../../dispatch.ts";
import { PCG } from "./dropout.ts";
import { emitElementwise } from "./elementwiseKernel.ts";

/** y = x + amplitude * a draw in [-1, 1) by the hash of seed, salt and element index. */
export const addNoise: OpEmitter = (emitter, { inputs: [x, seed], outputs: [y], attributes }) => {
  emitElementwise(
    emitter,
    {
      label: "addNoise",
      inputs: ["x"],
      outputs: ["y"],
      shared: { seed: "read i32" },
      parameters: { salt: "u32", amplitude: "f32" },
      declarations: PCG,
      scalar: true,
      body: `
  let key = pcgHash(p.salt ^ pcgHash(bitcast<u32>(seed[0])));
  let draw = f32(pcgHash((p.first + i) ^ key) >> 8u) / 8388608.0 - 1.0;
  y[i] = x[i] + p.amplitude * draw;`,
    },
    { x: x!, seed: seed!, y: y! },
    { salt: (attributes["salt"] as number) >>> 0, amplitude: attributes["amplitude"] as number },
  );
};
