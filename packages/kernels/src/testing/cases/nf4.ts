import { dequantizeNf4, nf4Lengths, nf4Weight } from "../../ops/nf4.ts";
import { floats, integers, opCase, type ConformanceCase } from "../conformanceCase.ts";
import { rounded, withFloor } from "../tolerance.ts";

function nf4Case(rows: number, columns: number): ConformanceCase {
  const lengths = nf4Lengths(rows * columns);
  const words = (name: "codes" | "scaleCodes") => integers(name, { length: lengths[name], from: -2_147_483_648, to: 2_147_483_648 });
  return opCase({
    name: `${rows}x${columns}`,
    op: dequantizeNf4,
    attributes: { rows, columns },
    inputs: [words("codes"), words("scaleCodes"), floats("scales", [lengths.scales], 0.1), floats("offset", [1])],
    outputs: [withFloor(rounded(4, "two products and a sum"), 0.01)],
    oracle(data) {
      const part = (name: string): ArrayLike<number> => data.get(name)!;
      const tensor = { codes: part("codes"), scaleCodes: part("scaleCodes"), scales: part("scales"), offset: part("offset") };
      return [Float64Array.from({ length: rows * columns }, (_, i) => nf4Weight(tensor, i))];
    },
  });
}

export const nf4Cases: readonly ConformanceCase[] = [nf4Case(1, 1), nf4Case(3, 17), nf4Case(65, 130), nf4Case(130, 256)];
