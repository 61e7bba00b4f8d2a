import { generate } from "@sft/model";
import type { Message } from "@sft/templates";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { createInterface } from "node:readline";
import { countOf, numberOf, textOf, textsOf } from "../flagValues.ts";
import { modelFlags, modelOf } from "../model/modelFlags.ts";
import { useModel } from "../model/useModel.ts";
import { listenForInterruption } from "../run/interruption.ts";
import { AnswerText } from "../samples/answerText.ts";
import { promptIds, stopTokens } from "../samples/answerPrompts.ts";

export const examples: readonly string[] = [
  "sft chat --model runs/dictionary",
  `sft chat --model ./model --system "You are terse." --temperature 0.7`,
];

const keys = "Ctrl-C stops an answer, /new forgets the conversation, /quit or Ctrl-D ends it.";

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "chat",
    description: `Talk with a model in the terminal. ${keys}`,
  },
  args: {
    ...modelFlags,
    template: { type: "string", description: "prompt style, chat template file, or `tokenizer`; default: what the model was trained with" },
    system: { type: "string", description: "a system message" },
    "max-new-tokens": { type: "string", default: "256", description: "longest answer" },
    temperature: { type: "string", default: "0", description: "0 is greedy" },
    "top-k": { type: "string", description: "choose among the k likeliest tokens" },
    "min-p": { type: "string", description: "choose among tokens with this share of the largest probability" },
    stop: { type: "string", description: "end an answer before this text; may be given several times" },
    "top-p": { type: "string", description: "choose among the tokens that hold this much probability" },
    "repetition-penalty": { type: "string", description: "1 is none" },
    seed: { type: "string", default: "0", description: "seeds the choice" },
  } as ArgsDef,
  async run({ args, rawArgs }) {
    const opening: readonly Message[] = textOf(args, "system") === undefined ? [] : [{ role: "system", content: textOf(args, "system")! }];
    const seed = countOf(args, "seed", 0)!;
    const sampling = {
      maxNewTokens: countOf(args, "max-new-tokens")!,
      temperature: numberOf(args, "temperature", { least: 0 }),
      topK: countOf(args, "top-k", 0),
      topP: numberOf(args, "top-p", { least: 0, most: 1 }),
      minP: numberOf(args, "min-p", { least: 0, most: 1 }),
      repetitionPenalty: numberOf(args, "repetition-penalty", { least: 0.01 }),
    };
    await useModel(
      { ...modelOf(args), template: textOf(args, "template") },
      process.cwd(),
      async ({ opened: { tokenizer, config }, templateFor, load }) => {
        const chosen = templateFor(tokenizer.chatTemplate === null ? "alpaca" : "messages");
        const model = await load();
        const terminal = createInterface({
          input: process.stdin,
          output: process.stdout,
          prompt: "you  > ",
          terminal: process.stdin.isTTY === true,
        });
        // A terminal that edits lines takes Ctrl-C as a key; what listens for the signal is to hear it all the same.
        terminal.on("SIGINT", () => {
          if (process.listenerCount("SIGINT") > 0) process.emit("SIGINT");
          else terminal.close();
        });
        // Piped input ends while its lines are still being answered, and a closed terminal refuses to prompt.
        let isOpen = true;
        terminal.once("close", () => (isOpen = false));
        const promptUser = (): void => {
          if (isOpen) terminal.prompt();
        };
        let messages: readonly Message[] = opening;
        let turn = 0;
        if (process.stdin.isTTY) process.stdout.write(`${keys}\n`);
        promptUser();
        for await (const line of terminal) {
          const said = line.trim();
          if (said === "/quit") break;
          if (said === "/new") messages = opening;
          else if (said === "/help") process.stdout.write(`${keys}\n`);
          else if (said !== "")
            messages = await answer([...messages, { role: "user", content: line, fields: { instruction: line, input: "" } }], turn++);
          promptUser();
        }
        terminal.close();

        async function answer(asked: readonly Message[], number: number): Promise<readonly Message[]> {
          const text = new AnswerText(tokenizer, textsOf(rawArgs, "stop"));
          const stops = stopTokens(chosen.template, tokenizer, config.eosTokenIds);
          const tokens: number[] = [];
          const prompt = promptIds({ messages: asked }, chosen, tokenizer);
          if (prompt.length >= model.positions) {
            const has = `this conversation has ${prompt.length} tokens, and the model reads ${model.positions}`;
            process.stdout.write(`(${has}: the question is left out; /new begins another)\n`);
            return asked.slice(0, -1);
          }
          process.stdout.write("model> ");
          const interruption = listenForInterruption();
          await generate(model, [prompt], {
            ...sampling,
            signal: interruption.signal,
            stopTokens: stops,
            shouldStop: (_, sofar) => text.hasStopped(sofar),
            seed: seed + number,
            onToken: (_, token) => {
              if (stops.has(token)) return;
              tokens.push(token);
              process.stdout.write(text.next(tokens));
            },
          }).finally(interruption.stopListening);
          const isSilent = tokens.length === 0 && !interruption.signal.aborted;
          process.stdout.write(`${isSilent ? "(ended its answer at once)" : text.next(tokens, true)}\n`);
          return [...asked, { role: "assistant", content: text.textOf(tokens) }];
        }
      },
    );
  },
});

export default command;
