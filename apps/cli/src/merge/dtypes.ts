import type { FloatDType } from "@sft/checkpoint";
import { wordOf, type FlagValues } from "../flagValues.ts";

/** Types that weights are saved in, by PyTorch's names. */
export type SavedDType = Exclude<FloatDType, "F64">;

const dtypeNames: Readonly<Record<string, SavedDType>> = { float32: "F32", float16: "F16", bfloat16: "BF16" };

/** The type that --dtype asks for; undefined keeps each tensor's own. */
export function dtypeOf(args: FlagValues): SavedDType | undefined {
  const name = wordOf(args, "dtype", Object.keys(dtypeNames));
  return name === undefined ? undefined : dtypeNames[name];
}

/** Largest relative change that rounding to a type makes to a number in its normal range: half a unit in the last place. */
export const unitRoundoff: Readonly<Record<SavedDType, number>> = { F32: 2 ** -24, F16: 2 ** -11, BF16: 2 ** -8 };
