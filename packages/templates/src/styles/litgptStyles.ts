import type { TemplateDefinition } from "../templateDefinition.ts";
import { chatMlAssistant, chatMlTool, chatMlUser } from "./chatMl.ts";
import {
  alpacaPreamble,
  alpacaPreambleWithInput,
  llama2Safety,
  phi4Reasoning,
  salamandra,
  searchFunction,
  stableLmAlpha,
} from "./systemTexts.ts";

/*
 * The prompt styles of LitGPT 0.5.13 (litgpt/prompts.py), rendered letter for letter as it does for one question
 * and carried on to several turns in the way of each model's own chat template.
 * LitGPT ends every answer with the tokenizer's EOS; here each style names the terminator that its models were
 * trained with, so that a fine-tuned model stops where serving software expects it to.
 */

/** LitGPT writes an alpaca row's `input` only in the style "alpaca". */
const ignored = { input: "ignored" } as const;

const alpacaUser = { before: "### Instruction:\n", between: "\n\n" } as const;
const alpacaAssistant = { before: "\n\n### Response:\n", terminator: "eos" } as const;

function chatMlStyle(name: string, system?: string): TemplateDefinition {
  return {
    name,
    system: { before: "<|im_start|>system\n", after: "<|im_end|>\n", ...(system && { default: system }) },
    user: { ...chatMlUser, ...ignored },
    assistant: chatMlAssistant,
    tool: chatMlTool,
  };
}

export const litgptStyles: readonly TemplateDefinition[] = [
  {
    name: "alpaca",
    system: { before: "", default: alpacaPreamble, defaultWithInput: alpacaPreambleWithInput, separator: "\n\n" },
    user: { ...alpacaUser, input: { before: "\n\n### Input:\n" } },
    assistant: alpacaAssistant,
  },
  {
    name: "flan",
    system: { before: "", default: alpacaPreamble, separator: "\n\n" },
    user: { ...alpacaUser, ...ignored },
    assistant: alpacaAssistant,
  },
  {
    name: "longform",
    system: { before: "", default: alpacaPreambleWithInput, separator: "\n\n" },
    user: { ...alpacaUser, ...ignored },
    assistant: alpacaAssistant,
  },
  {
    name: "stablelm-alpha",
    system: { before: "<|SYSTEM|>", default: stableLmAlpha },
    user: { before: "<|USER|>", ...ignored },
    assistant: { before: "<|ASSISTANT|>", terminator: "eos" },
    stops: ["<|SYSTEM|>", "<|ASSISTANT|>", "<|USER|>"],
  },
  {
    name: "stablelm-zephyr",
    user: { before: "<|user|>\n", after: "<|endoftext|>\n", ...ignored },
    assistant: { before: "<|assistant|>\n", terminator: "<|endoftext|>", after: "\n" },
  },
  {
    name: "falcon",
    user: { before: "", between: "\n", ...ignored },
    assistant: { before: "\nAnswer:", terminator: "eos" },
    stops: ["User:", "\nUser"],
  },
  {
    name: "llama2-function-calling",
    start: searchFunction,
    system: {
      before: "<<SYS>>\n",
      after: "\n<</SYS>>\n\n",
      place: "insideFirstUser",
      strip: true,
      default:
        "You are a helpful, respectful and honest assistant. Always answer as helpfully aspossible. Your only response should be JSON formatted functions",
    },
    user: { before: "[INST]", after: "[/INST]\n\n", ...ignored },
    assistant: { before: "", terminator: "eos" },
  },
  {
    name: "llama2",
    system: { before: "<<SYS>>\n", after: "\n<</SYS>>\n\n ", place: "insideFirstUser", default: llama2Safety },
    user: { before: "[INST] ", after: " [/INST] ", ...ignored },
    assistant: { before: "", terminator: "eos" },
  },
  {
    name: "freewilly2",
    system: { before: "### System:\n", after: "\n\n", default: "This is a system prompt, please behave and help the user." },
    user: { before: "### User:\n", between: "\n\n", ...ignored },
    assistant: { before: "\n\n### Assistant:\n", terminator: "eos" },
  },
  {
    name: "platypus",
    user: { before: "### Instruction:\n\n", between: "\n\n", ...ignored },
    assistant: { before: "\n\n### Response:\n", terminator: "eos" },
  },
  {
    name: "stablecode",
    user: { before: "###Instruction\n", between: "\n", ...ignored },
    assistant: { before: "###Response\n", terminator: "eos" },
  },
  {
    name: "codellama",
    system: { before: "<<SYS>>\n", after: "\n<</SYS>>\n\n", place: "insideFirstUser" },
    user: { before: "[INST] ", after: " [/INST]", ...ignored },
    assistant: { before: "", terminator: "eos" },
  },
  {
    name: "phi-1",
    user: { before: "", between: "\n\n", ...ignored },
    assistant: { before: "\n\nAnswer:", terminator: "eos" },
    stops: ["Answer:", "\nAnswer:"],
  },
  { name: "phi-2", user: { before: "Instruct: ", between: "\n", ...ignored }, assistant: { before: "\nOutput:", terminator: "eos" } },
  {
    name: "phi-3",
    system: { before: "<|system|>\n", after: "<|end|>\n", default: "You are a helpful assistant." },
    user: { before: "<|user|>\n", after: "<|end|>\n", ...ignored },
    assistant: { before: "<|assistant|>\n", terminator: "<|end|>", after: "\n" },
  },
  {
    name: "phi-4",
    system: { before: "<|im_start|>system<|im_sep|>", after: "<|im_end|>" },
    user: { before: "<|im_start|>user<|im_sep|>", after: "<|im_end|>", ...ignored },
    assistant: { before: "<|im_start|>assistant<|im_sep|>", terminator: "<|im_end|>" },
  },
  {
    name: "phi-4-reasoning",
    // The missing bar is LitGPT's own; a tokenizer reads it as plain text.
    system: { before: "<|im_start>system<|im_sep|>", after: "<|im_end|>", default: phi4Reasoning },
    user: { before: "<|im_start|>user<|im_sep|>", after: "<|im_end|>", ...ignored },
    assistant: { before: "<|im_start|>assistant<|im_sep|>", terminator: "<|im_end|>" },
  },
  {
    name: "phi-4-mini",
    system: { before: "<|system|>", after: "<|end|>" },
    user: { before: "<|user|>", after: "<|end|>", ...ignored },
    assistant: { before: "<|assistant|>", terminator: "<|end|>" },
  },
  {
    name: "phi-4-mini-reasoning",
    system: { before: "<|system|>", after: "<|end|>", default: "Your name is Phi, an AI math expert developed by Microsoft." },
    user: { before: "<|user|>", after: "<|end|>", ...ignored },
    assistant: { before: "<|assistant|>", terminator: "<|end|>" },
  },
  {
    name: "tinyllama",
    system: {
      before: "<|system|>\n",
      after: "</s>\n",
      default: "You are a friendly chatbot who always gives helpful, detailed, and polite answers.",
    },
    user: { before: "<|user|>\n", after: "</s>\n", ...ignored },
    assistant: { before: "<|assistant|>\n", terminator: "</s>", after: "\n" },
  },
  {
    name: "gemma",
    user: { before: "<start_of_turn>user\n", after: "<end_of_turn>\n", ...ignored },
    assistant: { before: "<start_of_turn>model\n", terminator: "<end_of_turn>", after: "\n" },
  },
  {
    name: "llama3",
    start: "<|begin_of_text|>",
    system: { before: "<|start_header_id|>system<|end_header_id|>\n\n", after: "<|eot_id|>", default: "You are a helpful assistant." },
    user: { before: "<|start_header_id|>user<|end_header_id|>\n\n", after: "<|eot_id|>", ...ignored },
    assistant: { before: "<|start_header_id|>assistant<|end_header_id|>\n\n", terminator: "<|eot_id|>" },
  },
  {
    name: "olmo",
    start: "<|endoftext|>",
    user: { before: "<|user|>\n", after: "\n", ...ignored },
    assistant: { before: "<|assistant|>\n", terminator: "<|endoftext|>", after: "\n" },
  },
  chatMlStyle("qwen2.5", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
  chatMlStyle("qwen2.5-math", "Please reason step by step, and put your final answer within \\boxed{}."),
  chatMlStyle("qwq", "You are a helpful and harmless assistant. You are Qwen developed by Alibaba. You should think step-by-step."),
  chatMlStyle("qwen3"),
  chatMlStyle("smollm2", "You are a helpful AI assistant named SmolLM, trained by Hugging Face"),
  chatMlStyle("salamandra", salamandra),
];

/** The styles that LitGPT reaches only through a model's name. Its "ChatML" is our "chatml" with the input left out. */
export const litgptModelStyles: readonly TemplateDefinition[] = [
  { name: "default", user: { before: "", between: "\n", ...ignored }, assistant: { before: "", terminator: "eos" } },
  {
    name: "falcon3",
    user: { before: "<|user|>\n", after: "<|endoftext|>\n", ...ignored },
    assistant: { before: "<|assistant|>\n", terminator: "<|endoftext|>", after: "\n" },
  },
  {
    name: "r1",
    system: { before: "" },
    user: { before: "<｜User｜>", ...ignored },
    assistant: {
      before: "<｜Assistant｜>",
      terminator: "<｜end▁of▁sentence｜>",
      reasoning: { before: "<think>\n", after: "\n</think>\n\n" },
    },
  },
  chatMlStyle("litgpt-chatml"),
];
