import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { resolve } from "node:path";
import { usageError } from "../failure/cliError.ts";
import { booleanOf, textOf } from "../flagValues.ts";
import { downloadRepository } from "../hub/downloadRepository.ts";
import { hubTokenOf, hubUrlOf } from "../hub/hubSettings.ts";

export const examples: readonly string[] = [
  "sft download HuggingFaceTB/SmolLM2-135M",
  "sft train recipe.yaml --base-model $(sft download HuggingFaceTB/SmolLM2-135M --quiet)",
  "HF_TOKEN=... sft download meta-llama/Llama-3.2-1B --revision main --cache-dir ./cache",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "download",
    description:
      "Fetch a model from the Hugging Face hub into the cache that Python's tools use too, and print its folder. A broken transfer goes on where it stopped. HF_ENDPOINT, HF_HOME, HF_HUB_CACHE and HF_TOKEN are honoured.",
  },
  args: {
    repository: { type: "positional", required: false, description: "organisation/model" },
    revision: { type: "string", default: "main", description: "branch, tag or commit" },
    token: { type: "string", description: "access token; default: HF_TOKEN, else the one that hf auth login saved" },
    "cache-dir": { type: "string", description: "the cache's folder" },
    all: { type: "boolean", description: "also weights in other forms than safetensors" },
    quiet: { type: "boolean", description: "print the folder only" },
    json: { type: "boolean", description: "print one JSON object" },
  } as ArgsDef,
  async run({ args }) {
    const repository = args.repository as string | undefined;
    if (repository === undefined)
      throw usageError("missing-flag", "download needs the name of a repository.", "For example: sft download HuggingFaceTB/SmolLM2-135M");
    const cacheDir = textOf(args, "cache-dir");
    const [json, quiet] = [booleanOf(args, "json"), booleanOf(args, "quiet")];
    const downloaded = await downloadRepository({
      repository,
      revision: textOf(args, "revision")!,
      token: textOf(args, "token") ?? (await hubTokenOf(process.env)),
      hubUrl: hubUrlOf(process.env),
      cacheDir: cacheDir === undefined ? undefined : resolve(cacheDir),
      everything: booleanOf(args, "all"),
      ...(json || quiet
        ? {}
        : {
            onFile: ({ path, size }, isThere) =>
              void process.stderr.write(`${isThere ? "there   " : "fetching"}  ${path} (${size.toLocaleString("en")} bytes)\n`),
          }),
    });
    process.stdout.write(`${json ? JSON.stringify({ repository, ...downloaded }) : downloaded.folder}\n`);
    return 0;
  },
});

export default command;
