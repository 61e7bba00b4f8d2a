import { generate, type LanguageModel } from "@sft/model";
import type { Conversation } from "@sft/templates";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { resolve } from "node:path";
import { usageError } from "../failure/cliError.ts";
import { booleanOf, countOf, type FlagValues, numberOf, textOf, textsOf } from "../flagValues.ts";
import { modelFlags, modelOf } from "../model/modelFlags.ts";
import { useModel, type ModelUse } from "../model/useModel.ts";
import { listenForInterruption } from "../run/interruption.ts";
import { encodeRows } from "../rows/encodeRows.ts";
import { rowFlags, rowSettings } from "../rows/rowFlags.ts";
import { AnswerText } from "../samples/answerText.ts";
import { promptIds, promptsOfRows, stopTokens } from "../samples/answerPrompts.ts";
import { questionOf } from "../samples/questionOf.ts";

export const examples: readonly string[] = [
  `sft generate --model runs/dictionary --prompt "Give a synonym of 'dress'."`,
  `sft generate --model ./model --adapter ./adapter --prompt "Define this noun." --input love --temperature 0.8 --seed 3`,
  "sft generate --model runs/dictionary --data held-out.json --rows 8 --json",
];

const { "max-length": _, truncation: __, ...promptFlags } = rowFlags;

const command: CommandDef<ArgsDef> = defineCommand({
  meta: { name: "generate", description: "Answer prompts. A model that sft trained is asked with the template it was trained with." },
  args: {
    ...modelFlags,
    prompt: { type: "string", description: "what to ask" },
    input: { type: "string", description: "an alpaca row's input" },
    system: { type: "string", description: "a system message" },
    data: { type: "string", description: "ask the questions of these rows instead" },
    rows: { type: "string", default: "8", description: "so many of them" },
    ...promptFlags,
    "max-new-tokens": { type: "string", default: "256", description: "longest answer" },
    temperature: { type: "string", default: "0", description: "0 is greedy" },
    "top-k": { type: "string", description: "choose among the k likeliest tokens" },
    "top-p": { type: "string", description: "choose among the tokens that hold this much probability" },
    "min-p": { type: "string", description: "choose among tokens with this share of the largest probability" },
    "repetition-penalty": { type: "string", description: "1 is none; above it, tokens that were there before become less likely" },
    stop: { type: "string", description: "end the answer before this text; may be given several times" },
    seed: { type: "string", default: "0", description: "seeds the choice" },
    json: { type: "boolean", description: "print one JSON object an answer" },
  } as ArgsDef,
  async run({ args, rawArgs }) {
    const { template } = rowSettings(args);
    const unasked =
      textOf(args, "data") === undefined ? undefined : ["prompt", "input", "system"].find((flag) => textOf(args, flag) !== undefined);
    if (unasked !== undefined)
      throw usageError("bad-flag", `--data asks the questions of rows, and --${unasked} would not be asked.`, "Give one of the two.");
    const sampling = {
      temperature: numberOf(args, "temperature", { least: 0 }),
      topK: countOf(args, "top-k", 0),
      topP: numberOf(args, "top-p", { least: 0, most: 1 }),
      minP: numberOf(args, "min-p", { least: 0, most: 1 }),
      repetitionPenalty: numberOf(args, "repetition-penalty", { least: 0.01 }),
      seed: countOf(args, "seed", 0),
      maxNewTokens: countOf(args, "max-new-tokens")!,
    };
    return await useModel({ ...modelOf(args), template }, process.cwd(), async (use) => {
      const questions = textOf(args, "data") === undefined ? [singleQuestion(args, use)] : await questionsOfRows(args, use);
      const model = await use.load();
      const interruption = listenForInterruption();
      try {
        const settings = { ...sampling, signal: interruption.signal };
        for (const question of questions) {
          await answer(question, model, use, settings, textsOf(rawArgs, "stop"), booleanOf(args, "json"));
          if (interruption.signal.aborted) return 130;
        }
        return 0;
      } finally {
        interruption.stopListening();
      }
    });
  },
});

export default command;

interface Question {
  readonly prompt: string;
  readonly ids: Int32Array;
  readonly terminators: readonly string[];
  readonly reference?: string;
}

function singleQuestion(args: FlagValues, { opened, templateFor }: ModelUse): Question {
  const prompt = textOf(args, "prompt");
  if (prompt === undefined)
    throw usageError("missing-flag", "Nothing was asked.", "Give --prompt TEXT, or --data FILE for the questions of rows.");
  const [input, system] = [textOf(args, "input") ?? "", textOf(args, "system")];
  const conversation: Conversation = {
    messages: [
      ...(system === undefined ? [] : [{ role: "system", content: system }]),
      { role: "user", content: input === "" ? prompt : `${prompt}\n\n${input}`, fields: { instruction: prompt, input } },
    ],
  };
  const chosen = templateFor(opened.tokenizer.chatTemplate === null ? "alpaca" : "messages");
  return { prompt, ids: promptIds(conversation, chosen, opened.tokenizer), terminators: chosen.template.terminators };
}

async function questionsOfRows(args: FlagValues, { opened, templateFor, policy }: ModelUse): Promise<Question[]> {
  const { type, columns, mask = policy?.includes("+") ? undefined : policy } = rowSettings(args);
  const questions: Question[] = [];
  for await (const row of encodeRows([{ path: resolve(textOf(args, "data")!), type, columns }], {
    tokenizer: opened.tokenizer,
    templateFor,
    mask,
  })) {
    const [ids] = promptsOfRows([row], opened.tokenizer, mask);
    questions.push({ ...questionOf(row.conversation), ids: ids!, terminators: row.chosen.template.terminators });
    if (questions.length === countOf(args, "rows")) break;
  }
  return questions;
}

type Sampling = Omit<Parameters<typeof generate>[2], "stopTokens">;

async function answer(
  { prompt, ids, terminators, reference }: Question,
  model: LanguageModel,
  { opened: { tokenizer, config } }: ModelUse,
  sampling: Sampling,
  stopTexts: readonly string[],
  json: boolean,
): Promise<void> {
  const stops = stopTokens({ terminators }, tokenizer, config.eosTokenIds);
  const said = new AnswerText(tokenizer, stopTexts);
  const spoken: number[] = [];
  const streamed = !json && reference === undefined;
  const [result] = await generate(model, [ids], {
    ...sampling,
    stopTokens: stops,
    shouldStop: (_, sofar) => said.hasStopped(sofar),
    onToken: (_, token) => {
      if (stops.has(token)) return;
      spoken.push(token);
      if (streamed) process.stdout.write(said.next(spoken));
    },
  });
  const { tokens, finish } = result!;
  if (streamed) process.stdout.write(`${said.next(spoken, true)}\n`);
  if (streamed && spoken.length === 0 && !sampling.signal?.aborted) process.stderr.write("note: the model ended its answer at once\n");
  // An answer that Ctrl-C cut off is no answer to print among others.
  if (streamed || sampling.signal?.aborted) return;
  const text = said.textOf(spoken);
  const line = json
    ? JSON.stringify({
        prompt,
        answer: text,
        finish,
        prompt_tokens: ids.length,
        tokens: tokens.length,
        ...(reference === undefined ? {} : { reference }),
      })
    : `${prompt}\n  ${text}\n  (reference: ${reference})`;
  process.stdout.write(`${line}\n`);
}
