import assert from "node:assert/strict";
import { findTemplate, readRecord } from "@sft/templates";

const conversation = readRecord({ instruction: "Name the capital of France.", input: "", output: "Paris" });
const { segments } = findTemplate("alpaca").render(conversation, { specialTokens: { eos: "</s>" } });
const text = segments.map((segment) => segment.text).join("");
assert.ok(text.endsWith("### Response:\nParis</s>"), text);
console.log("@sft/templates alone: an alpaca row rendered");
