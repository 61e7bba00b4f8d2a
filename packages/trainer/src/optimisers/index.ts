import { adafactor } from "./adafactor.ts";
import { adamw } from "./adamw.ts";
import { adamw8bit } from "./adamw8bit.ts";
import { lion } from "./lion.ts";
import { muon } from "./muon.ts";
import type { Optimiser } from "./optimiser.ts";
import { sgd } from "./sgd.ts";

export type OptimiserName = "adamw" | "adamw_8bit" | "sgd" | "lion" | "adafactor" | "muon";

/** Every optimiser by its name in the settings. Adding one is one file and one line here. */
export const optimisers: Readonly<Record<OptimiserName, Optimiser>> = { adamw, adamw_8bit: adamw8bit, sgd, lion, adafactor, muon };
