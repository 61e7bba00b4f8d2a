import { describe, expect, it } from "vitest";
import { findTemplate, findTemplateForModel, templateNames } from "./registry.ts";

describe("finding a template", () => {
  it("gives one object a name", () => expect(findTemplate("alpaca")).toBe(findTemplate("alpaca")));

  it("gives each its own hash", () =>
    expect(new Set(templateNames.map((name) => findTemplate(name).hash)).size).toBe(templateNames.length));

  it.each([
    ["alpacca", "alpaca"],
    ["chat-ml", "chatml"],
    ["qwen2", "qwen2.5"],
    ["LLAMA3", "llama3"],
    ["gema", "gemma"],
  ])("names the ones close to %s", (wrong, right) => {
    expect(() => findTemplate(wrong)).toThrow(
      expect.objectContaining({ code: "unknown-template", message: expect.stringContaining(`"${right}"`) }),
    );
  });

  it("lists them all where none is close", () =>
    expect(() => findTemplate("zzzzzzzzzz")).toThrow(`Known are ${templateNames.join(", ")}.`));
});

describe("finding a template for a model, as LitGPT does", () => {
  it.each([
    ["stablelm-tuned-alpha-7b", "stablelm-alpha"],
    ["stablelm-zephyr-3b", "stablelm-zephyr"],
    ["stablecode-instruct-alpha-3b", "stablecode"],
    ["Falcon3-1B-Instruct", "falcon3"],
    ["falcon-7b-instruct", "falcon"],
    ["Llama-2-7b-chat-hf-function-calling-v2", "llama2-function-calling"],
    ["Llama-2-7b-chat-hf", "llama2"],
    ["Llama-3.2-1B-Instruct", "llama3"],
    ["OLMo-2-1124-7B-SFT", "llama3"],
    ["R1-Distill-Llama-8B", "r1"],
    ["Mixtral-8x7B-Instruct-v0.1", "codellama"],
    ["CodeLlama-7b-hf", "codellama"],
    ["phi-1_5", "phi-1"],
    ["Phi-3-mini-4k-instruct", "phi-3"],
    ["phi-4", "phi-4"],
    ["Phi-4-mini-instruct", "phi-4-mini"],
    ["Phi-4-mini-reasoning", "phi-4-mini-reasoning"],
    ["Phi-4-reasoning-plus", "phi-4-reasoning"],
    ["tiny-llama-1.1b-chat", "tinyllama"],
    ["CodeGemma-7b-it", "gemma"],
    ["Gemma-3-1b-it", "gemma"],
    ["OLMo-1B-hf", "olmo"],
    ["Qwen2.5-Math-1.5B", "qwen2.5-math"],
    ["Qwen2.5-7B-Instruct", "qwen2.5"],
    ["QwQ-32B", "qwq"],
    ["Qwen3-0.6B", "qwen3"],
    ["SmolLM2-135M-Instruct", "smollm2"],
    ["salamandra-2b-instruct", "salamandra"],
    ["pythia-14m", "default"],
    ["Llama-3.2-1B", "default"],
  ])("%s: %s", (model, style) => expect(findTemplateForModel(model).name).toBe(style));
});
