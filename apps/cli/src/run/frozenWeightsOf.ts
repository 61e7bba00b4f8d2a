import type { Capabilities } from "@sft/kernels";
import { frozenWeightsFor } from "@sft/model";
import type { RunConfig } from "../runConfig/schema.ts";

/** How a recipe's base is held under an adapter. */
export function frozenWeightsOf({ frozen_weights: asked }: RunConfig, capabilities: Capabilities): "float32" | "float16" {
  return asked === "auto" ? frozenWeightsFor(capabilities) : asked;
}
