import { add, matmul, opTable, Tape, validateProgram, type Program, type Value } from "@sft/kernels";
import { expect, it } from "vitest";
import { castOperands } from "./halfCasts.ts";

const product = { transposeA: false, transposeB: true, alpha: 1 };

/** y = x w^T and z = x v^T of one sum x, large or small; and y again by w. */
function twoProducts(rows: number): { readonly program: Program; readonly x: Value } {
  const tape = new Tape("products");
  const [w, v] = [tape.parameter("w", [1024, 1024], true), tape.parameter("v", [1024, 1024], true)];
  const x = tape.add(tape.input("a", [rows, 1024], "f32"), tape.input("b", [rows, 1024], "f32"));
  const y = tape.apply(matmul, [x, w], product)[0]!;
  const z = tape.apply(matmul, [x, v], product)[0]!;
  const again = tape.apply(matmul, [z, w], { ...product, transposeB: false })[0]!;
  tape.apply(add, [y, again], {}, [tape.output("out", [rows, 1024])]);
  return { program: tape.finish(), x };
}

it("copies a shared activation once and a weight before each product that reads it", () => {
  const { program, x } = twoProducts(2048);
  const cast = castOperands(program);
  validateProgram(cast, opTable);
  expect(cast.instructions.map(({ op }) => op)).toEqual(["add", "cast", "cast", "matmul", "cast", "matmul", "cast", "matmul", "add"]);
  const sources = cast.instructions.filter(({ op }) => op === "cast").map(({ inputs }) => cast.tensors[inputs[0]!]!.name);
  expect(sources).toEqual([program.tensors[x.id]!.name, "w", "v", "w"]);
  expect(cast.tensors.slice(0, program.tensors.length)).toEqual(program.tensors);
});

it("leaves an activation that one product reads, and small products, as they are", () => {
  const { program } = twoProducts(2048);
  const last = castOperands(program).instructions.at(-2)!;
  expect(program.tensors[last.inputs[0]!]!.dtype).toBe("f32");
  const small = twoProducts(16).program;
  expect(castOperands(small)).toBe(small);
});

it("copies an activation again once it was written again", () => {
  const tape = new Tape("rewritten");
  const w = tape.parameter("w", [1024, 1024], true);
  const x = tape.add(tape.input("a", [2048, 1024], "f32"), tape.input("b", [2048, 1024], "f32"));
  tape.apply(matmul, [x, w], product, [tape.output("first", [2048, 1024])]);
  tape.add(x, x, x);
  tape.apply(matmul, [x, w], product, [tape.output("second", [2048, 1024])]);
  const copies = castOperands(tape.finish()).instructions.filter(({ op, inputs }) => op === "cast" && inputs[0] === x.id);
  expect(copies).toHaveLength(2);
});

it("gives the copy that a large product needs to the thin ones beside it", () => {
  const tape = new Tape("adapter gradient");
  const w = tape.parameter("w", [1024, 1024], true);
  const [down, t] = [tape.parameter("down", [1024, 16], true), tape.input("t", [2048, 16], "f32")];
  const dy = tape.add(tape.input("a", [2048, 1024], "f32"), tape.input("b", [2048, 1024], "f32"));
  tape.apply(matmul, [dy, w], { ...product, transposeB: false }, [tape.output("dx", [2048, 1024])]);
  tape.apply(matmul, [dy, down], { ...product, transposeB: false }, [tape.output("dt", [2048, 16])]);
  tape.apply(matmul, [dy, t], { transposeA: true, transposeB: false, alpha: 1 }, [tape.output("dDown", [1024, 16])]);
  const cast = castOperands(tape.finish());
  validateProgram(cast, opTable);
  const products = cast.instructions.filter(({ op }) => op === "matmul");
  expect(products.map(({ inputs }) => cast.tensors[inputs[0]!]!.dtype)).toEqual(["f16", "f16", "f16"]);
  expect(products.slice(1).map(({ inputs }) => cast.tensors[inputs[1]!]!.dtype)).toEqual(["f32", "f32"]);
});
