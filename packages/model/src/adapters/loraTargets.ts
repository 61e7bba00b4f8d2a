import { closeNames, ModelError } from "../errors.ts";
import type { ParameterSpec } from "../families/family.ts";
import type { LoraConfig } from "./lora.ts";

/** The modules that `targetModules` selects, in the model's order. */
export function matchTargets(parameters: readonly ParameterSpec[], targets: LoraConfig["targetModules"]): readonly string[] {
  const kinds: readonly ParameterSpec["kind"][] =
    targets === "all-linear" ? ["linear", "conv1d"] : ["linear", "conv1d", "head", "embedding"];
  const modules = parameters.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => name.slice(0, -".weight".length));
  const matched = modules.filter((module) => isTarget(module, targets));
  const unmatched =
    typeof targets === "string"
      ? matched.length === 0
        ? [targets]
        : []
      : targets.filter((target) => !modules.some((module) => isTarget(module, [target])));
  if (unmatched.length === 0) return matched;
  const endings = [...new Set(modules.map((module) => module.slice(module.lastIndexOf(".") + 1)))];
  throw new ModelError(
    "no-lora-target",
    `LoRA target ${unmatched.map((target) => JSON.stringify(target)).join(", ")} matches no linear layer of this model`,
    `Closest: ${closeNames(unmatched[0]!, endings).join(", ")}. All linear layers: ${endings.join(", ")}, or "all-linear".`,
  );
}

function isTarget(module: string, targets: LoraConfig["targetModules"]): boolean {
  if (targets === "all-linear") return true;
  if (typeof targets !== "string") return targets.some((target) => isModule(module, target));
  try {
    return new RegExp(`^(?:${targets})$`).test(module);
  } catch (cause) {
    throw new ModelError(
      "bad-lora",
      `LoRA target_modules ${JSON.stringify(targets)} is no valid regular expression: ${(cause as Error).message}`,
    );
  }
}

/** Whether a name in modules_to_save or target_modules means a module: its own, or an ending of it after a dot. */
export function isModule(module: string, name: string): boolean {
  return module === name || module.endsWith(`.${name}`);
}
