import { expect, it } from "vitest";
import { Arena } from "../arena.ts";
import { instantiateWasm } from "./instantiate.ts";

const arena = new Arena(2 ** 22);
const wasm = instantiateWasm(arena.memory, arena.maximumPages, arena.shared);
const address = arena.allocate(4 * 4096);
const values = new Float32Array(arena.memory.buffer, address, 4096);

/** Distance to the next float32 away from zero. */
function unitInLastPlace(x: number): number {
  return 2 ** (Math.floor(Math.log2(Math.abs(x))) - 23);
}

// 1.5 units: half from the last rounding, and the roundings of r, of the polynomial and of its last two sums.
it("is within 1.5 units in the last place over all of its range", () => {
  let worst = 0;
  for (let start = -87; start < 88; start += 0.25) {
    const inputs = Float32Array.from({ length: 4096 }, (_, index) => start + (index / 4096) * 0.25);
    values.set(inputs);
    wasm.exponentials(address, 0, 4096, 4096, 0);
    values.forEach((value, index) => {
      const exact = Math.exp(inputs[index]);
      worst = Math.max(worst, Math.abs(value - exact) / unitInLastPlace(exact));
    });
  }
  expect(worst).toBeLessThan(1.5);
});

it("keeps NaN, and stays finite beyond its range", () => {
  values.set([NaN, 1e30, -1e30, -Infinity]);
  wasm.exponentials(address, 0, 4, 4, 0);
  expect(values[0]).toBeNaN();
  expect(values[1]).toBeGreaterThan(1.6e38);
  expect(values[1]).toBeLessThan(Infinity);
  expect(values[2]).toBeLessThan(2e-38);
  expect(values[3]).toBeLessThan(2e-38);
});
