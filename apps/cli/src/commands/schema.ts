import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { z } from "zod";
import { runConfigSchema } from "../runConfig/schema.ts";

export const examples: readonly string[] = [
  "sft schema > sft.schema.json",
  "# yaml-language-server: $schema=./sft.schema.json   (first line of a recipe: editors complete and check it)",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: { name: "schema", description: "Print the JSON Schema (draft 2020-12) of a recipe." },
  args: { json: { type: "boolean", description: "the schema is JSON in any case" } } as ArgsDef,
  run() {
    const schema = { title: "sft recipe", ...z.toJSONSchema(runConfigSchema, { io: "input" }) };
    process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
  },
});

export default command;
