import * as z from "zod";
import type { TemplateDefinition } from "./templateDefinition.ts";
import { TemplateError } from "./templateError.ts";

const turn = { before: z.string(), after: z.string().optional() };
const around = z.strictObject({ before: z.string(), after: z.string() });

const definition = z.strictObject({
  name: z.string().min(1),
  start: z.string().optional(),
  bos: z.boolean().optional(),
  system: z
    .strictObject({
      ...turn,
      default: z.string().optional(),
      defaultWithInput: z.string().optional(),
      place: z.enum(["beforeFirstUser", "insideFirstUser"]).optional(),
      separator: z.string().optional(),
      strip: z.boolean().optional(),
    })
    .optional(),
  user: z.strictObject({
    ...turn,
    between: z.string().optional(),
    input: z.union([z.enum(["joined", "ignored"]), z.strictObject({ before: z.string() })]).optional(),
  }),
  assistant: z.strictObject({
    before: z.string(),
    terminator: z.string().min(1, "an answer that ends in nothing teaches the model never to stop"),
    after: z.string().optional(),
    reasoning: around.optional(),
    toolCall: z.strictObject({ before: z.string(), after: z.string(), between: z.string() }).optional(),
  }),
  tool: z.strictObject(turn).optional(),
  controlTokens: z.array(z.string().min(1)).optional(),
  stops: z.array(z.string().min(1)).optional(),
});

/** @throws TemplateError `invalid-definition` naming the first field that is wrong */
export function checkDefinition(candidate: TemplateDefinition): void {
  const checked = definition.safeParse(candidate);
  if (checked.success) return;
  const issue = checked.error.issues[0]!;
  const path = issue.path.join(".") || "definition";
  throw new TemplateError(
    "invalid-definition",
    `Template definition: ${path}: ${issue.message}.`,
    "See TemplateDefinition for the fields and their meaning.",
    {
      path,
      issue: issue.code,
    },
  );
}
