import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createJinjaTemplate, findTemplate, templateNames } from "@sft/templates";
import { CliError } from "../failure/cliError.ts";
import type { ChosenTemplate } from "../rows/chooseTemplate.ts";

/** Lies beside every adapter and model that sft saves, so that generation asks as training taught. */
export const promptSettingsFile = "prompt_settings.json";
const templateFile = "chat_template.jinja";

export interface PromptSettings {
  readonly template: { readonly name: string; readonly hash: string };
  /** Name of the mask policy. */
  readonly mask_policy: string;
  /** Tokens that end an answer. Files that were written before it came have none. */
  readonly eos_token_id?: readonly number[];
}

/** The files that travel with what is trained. */
export function promptSettingsFiles(
  { template, source }: ChosenTemplate,
  policy: string,
  terminators: Iterable<number>,
): Record<string, string> {
  const settings: PromptSettings = {
    template: { name: template.name, hash: template.hash },
    mask_policy: policy,
    eos_token_id: [...terminators],
  };
  return { [promptSettingsFile]: `${JSON.stringify(settings, null, 2)}\n`, ...(source === null ? {} : { [templateFile]: source }) };
}

/**
 * The template that `folder` was trained with; null when sft did not save it.
 * @throws CliError "bad-prompt-settings" for a file that is damaged or a template that is no longer the same
 */
export async function readPromptSettings(
  folder: string,
): Promise<{ readonly chosen: ChosenTemplate; readonly settings: PromptSettings } | null> {
  const path = join(folder, promptSettingsFile);
  const text = await readFile(path, "utf8").catch(() => null);
  if (text === null) return null;
  const settings = parse(text, path);
  const source = await readFile(join(folder, templateFile), "utf8").catch(() => null);
  const { name, hash } = settings.template;
  // The folder of a whole model may hold its base's own template beside the settings of another: the hash tells which is meant.
  const style = templateNames.includes(name) ? findTemplate(name) : undefined;
  if (style?.hash === hash) return { chosen: { template: style, source: null }, settings };
  const template = source === null ? findTemplate(name) : createJinjaTemplate(source, { name });
  if (template.hash !== hash) {
    throw new CliError(
      "bad-prompt-settings",
      `${path}: the template "${name}" has changed since training (hash ${hash.slice(0, 12)}, now ${template.hash.slice(0, 12)}).`,
      "Choose one with --template, or use the version of sft that trained it.",
    );
  }
  return { chosen: { template, source }, settings };
}

function parse(text: string, path: string): PromptSettings {
  try {
    const value = JSON.parse(text) as PromptSettings;
    if (typeof value.template.name === "string" && typeof value.template.hash === "string" && typeof value.mask_policy === "string")
      return value;
  } catch {
    // Said below, as for fields that are missing.
  }
  throw new CliError(
    "bad-prompt-settings",
    `${path}: expected template.name, template.hash and mask_policy.`,
    "Choose a template with --template, or save again.",
  );
}
