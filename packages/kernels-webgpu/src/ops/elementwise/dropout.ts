import type { OpEmitter } from "../../dispatch.ts";
import { emitElementwise } from "./elementwiseKernel.ts";

/** The integer hash of `dropoutKeeps` in @sft/kernels: O'Neill's PCG RXS-M-XS with 32 bits of state. */
export const PCG: string = `
fn pcgHash(input: u32) -> u32 {
  let state = input * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}
`;

/** y = x / (1 - probability) where the hash of seed, salt and element index keeps the element, else 0. */
export const dropout: OpEmitter = (emitter, { inputs: [x, seed], outputs: [y], attributes }) => {
  const probability = attributes["probability"] as number;
  emitElementwise(
    emitter,
    {
      label: "dropout",
      inputs: ["x"],
      outputs: ["y"],
      shared: { seed: "read i32" },
      parameters: { salt: "u32", threshold: "u32", factor: "f32" },
      declarations: PCG,
      scalar: true,
      body: `
  let key = pcgHash(p.salt ^ pcgHash(bitcast<u32>(seed[0])));
  let keeps = pcgHash((p.first + i) ^ key) >= p.threshold;
  y[i] = select(0.0, x[i] * p.factor, keeps);`,
    },
    { x: x!, seed: seed!, y: y! },
    { salt: (attributes["salt"] as number) >>> 0, threshold: Math.floor(probability * 4294967296), factor: 1 / (1 - probability) },
  );
};
