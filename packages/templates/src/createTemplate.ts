import type { PromptTemplate } from "./promptTemplate.ts";
import type { Rendering } from "./segment.ts";
import { sha256 } from "./sha256.ts";
import { checkDefinition } from "./checkDefinition.ts";
import type { TemplateDefinition } from "./templateDefinition.ts";
import { TurnWriter } from "./turnWriter.ts";

/**
 * Makes a prompt template from a plain object.
 * @throws TemplateError `invalid-definition` naming the field that is wrong
 */
export function createTemplate(definition: TemplateDefinition): PromptTemplate {
  checkDefinition(definition);
  return {
    name: definition.name,
    hash: sha256(JSON.stringify(definition)),
    terminators: [definition.assistant.terminator],
    ...(definition.stops && { stops: definition.stops }),
    render(conversation, options = {}): Rendering {
      return new TurnWriter(definition, conversation, options).write(this);
    },
  };
}
