import { closeNames } from "./closeNames.ts";
import { createTemplate } from "./createTemplate.ts";
import type { PromptTemplate } from "./promptTemplate.ts";
import { chatMl, rawText } from "./styles/chatMl.ts";
import { modelStyles } from "./styles/modelStyles.ts";
import { litgptModelStyles, litgptStyles } from "./styles/litgptStyles.ts";
import type { TemplateDefinition } from "./templateDefinition.ts";
import { TemplateError } from "./templateError.ts";

const definitions: ReadonlyMap<string, TemplateDefinition> = new Map(
  [chatMl, rawText, ...litgptStyles, ...litgptModelStyles].map((definition) => [definition.name, definition]),
);
const made = new Map<string, PromptTemplate>();

/** Names that `findTemplate` knows. */
export const templateNames: readonly string[] = [...definitions.keys()];

/**
 * A built-in prompt style by its name.
 * @throws TemplateError `unknown-template` naming the close ones
 */
export function findTemplate(name: string): PromptTemplate {
  const known = made.get(name);
  if (known) return known;
  const definition = definitions.get(name);
  if (!definition) {
    const close = closeNames(name, templateNames);
    throw new TemplateError(
      "unknown-template",
      `No template is called "${name}".`,
      close.length > 0 ? `Did you mean ${close.map((one) => `"${one}"`).join(" or ")}?` : `Known are ${templateNames.join(", ")}.`,
      { name, close },
    );
  }
  const template = createTemplate(definition);
  made.set(name, template);
  return template;
}

/** The style that LitGPT would take for a model's name ("Qwen2.5-7B-Instruct"); "default", which adds nothing, for a name that it does not know. */
export function findTemplateForModel(modelName: string): PromptTemplate {
  return findTemplate(modelStyles.find(([pattern]) => pattern.test(modelName))?.[1] ?? "default");
}
