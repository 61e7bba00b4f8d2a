import type { PromptTemplate, RenderOptions } from "./promptTemplate.ts";
import { strippedRange } from "./pythonWhitespace.ts";
import type { Conversation, Message, Rendering, RenderingWarning } from "./segment.ts";
import { SegmentList, type TurnPlace } from "./segmentList.ts";
import type { TemplateDefinition } from "./templateDefinition.ts";
import { TemplateError, unsupportedField } from "./templateError.ts";
import { writeAnswer } from "./writeAnswer.ts";

/** Writes one conversation, turn by turn. */
export class TurnWriter {
  readonly #style: TemplateDefinition;
  readonly #conversation: Conversation;
  readonly #options: RenderOptions;
  readonly #out: SegmentList;
  readonly #warnings: RenderingWarning[] = [];
  #questions = 0;

  constructor(style: TemplateDefinition, conversation: Conversation, options: RenderOptions) {
    const { bos, eos } = options.specialTokens ?? {};
    this.#style = style;
    this.#conversation = conversation;
    this.#options = options;
    this.#out = new SegmentList([...(style.controlTokens ?? []), ...(bos ? [bos] : []), ...(eos ? [eos] : [])]);
  }

  write(template: PromptTemplate): Rendering {
    const { messages } = this.#conversation;
    if (messages.length === 0) {
      throw new TemplateError(
        "empty-conversation",
        `Template "${this.#style.name}" was given a conversation with no messages.`,
        "Give it at least one.",
      );
    }
    if (this.#conversation.tools?.length) {
      throw unsupportedField(
        this.#style.name,
        "tools",
        null,
        "tool definitions",
        "Use the model's own chat template (createJinjaTemplate), or remove the tools.",
      );
    }
    const outside: TurnPlace = { role: null, message: null, part: "outside" };
    if (this.#style.bos) this.#out.control(this.#specialToken("bos"), outside);
    this.#out.template(this.#style.start ?? "", outside);

    const stop = this.#options.addGenerationPrompt ? lastAnswer(messages) : messages.length;
    let system: { message: Message; index: number } | null = null;
    for (let index = 0; index < stop; index++) {
      const message = messages[index]!;
      const role = message.role === "developer" ? "system" : message.role;
      if (role === "system") {
        if (index > 0) {
          throw new TemplateError(
            "role-order",
            `Template "${this.#style.name}" takes a system message only as the first message; message ${index} is one.`,
            "Move it to the front or join it with the first.",
            { message: index },
          );
        }
        system = { message, index };
        if (!this.#style.system) this.#warn("system-ignored", index, "has no place for a system message and leaves it out");
      } else if (role === "user") {
        this.#question(message, index, this.#questions === 0 ? system : null);
      } else if (role === "assistant") {
        if (index === 0 || (system && index === 1)) this.#systemBlock(system, false);
        writeAnswer(this.#out, this.#style, message, index, () => this.#specialToken("eos"));
      } else if (role === "tool" && this.#style.tool) {
        this.#body(message, index, this.#style.tool);
      } else {
        throw new TemplateError(
          "unknown-role",
          `Template "${this.#style.name}" does not know the role "${message.role}" of message ${index}.`,
          `It knows ${this.#style.system ? "system, " : ""}user${this.#style.tool ? ", tool" : ""} and assistant.`,
          { role: message.role, message: index },
        );
      }
    }
    if (this.#options.addGenerationPrompt) {
      if (stop === 0 || (system && stop === 1)) this.#systemBlock(system, false);
      this.#out.generationPrompt(this.#style.assistant.before, { role: "assistant", message: stop, part: "header" });
    }
    return {
      segments: this.#out.segments,
      conversation: this.#conversation,
      terminators: template.terminators,
      template: { name: template.name, hash: template.hash },
      ...(this.#warnings.length > 0 && { warnings: this.#warnings }),
    };
  }

  #question(message: Message, index: number, system: { message: Message; index: number } | null): void {
    const { user } = this.#style;
    const header: TurnPlace = { role: "user", message: index, part: "header" };
    const first = this.#questions === 0;
    const { instruction, input, rule } = this.#instruction(message, index);
    const inside = this.#style.system?.place === "insideFirstUser";
    if (first && !inside) this.#systemBlock(system, input !== "");
    if (!first) this.#out.template(user.between ?? "", header);
    this.#out.template(user.before, header);
    if (first && inside) this.#systemBlock(system, input !== "");

    const body: TurnPlace = { role: "user", message: index, part: "body" };
    this.#out.content(instruction, body, "content");
    if (input !== "" && rule) {
      this.#out.template(rule.before, body);
      this.#out.content(input, body, "content", message.content.length - input.length);
    }
    this.#close(user.after ?? "", "user", index);
    this.#questions++;
  }

  /** An alpaca row's instruction and input, told apart where the style does so. */
  #instruction(message: Message, index: number): { instruction: string; input: string; rule: { before: string } | null } {
    const { fields } = message;
    const rule = this.#style.user.input ?? "joined";
    if (rule === "joined" || fields?.instruction === undefined) return { instruction: message.content, input: "", rule: null };
    if (rule !== "ignored") return { instruction: fields.instruction, input: fields.input ?? "", rule };
    if (fields.input) this.#warn("input-ignored", index, "writes only the instruction and leaves the row's input out, as LitGPT does");
    return { instruction: fields.instruction, input: "", rule: null };
  }

  #systemBlock(system: { message: Message; index: number } | null, withInput: boolean): void {
    const style = this.#style.system;
    if (!style) return;
    const given = system && system.message.content !== "" ? system : null;
    const standard = (withInput ? style.defaultWithInput : undefined) ?? style.default ?? "";
    if (!given && standard === "") return;
    const place = { role: "system", message: given?.index ?? null };
    this.#out.template(style.before, { ...place, part: "header" });
    if (given) {
      const { content, fields } = given.message;
      const { start, end } = style.strip ? strippedRange(content) : { start: 0, end: content.length };
      this.#out.content(content.slice(start, end), { ...place, part: "body" }, "content", start);
      if (style.separator && fields?.sys_prompt === undefined && !content.endsWith("\n")) {
        this.#out.template(style.separator, { ...place, part: "afterTerminator" });
      }
    } else {
      this.#out.template(standard, { ...place, part: "body" });
    }
    this.#close(style.after ?? "", place.role, place.message);
  }

  #body(message: Message, index: number, markup: { before: string; after?: string }): void {
    const place = { role: message.role, message: index };
    this.#out.template(markup.before, { ...place, part: "header" });
    this.#out.content(message.content, { ...place, part: "body" }, "content");
    this.#close(markup.after ?? "", message.role, index);
  }

  /** What ends a turn: its words are the terminator, the white space behind them is not. */
  #close(text: string, role: string, message: number | null): void {
    const terminator = text.trimEnd();
    this.#out.template(terminator, { role, message, part: "terminator" });
    this.#out.template(text.slice(terminator.length), { role, message, part: "afterTerminator" });
  }

  #specialToken(which: "bos" | "eos"): string {
    const text = this.#options.specialTokens?.[which];
    if (text) return text;
    throw new TemplateError(
      "missing-special-token",
      `Template "${this.#style.name}" writes the tokenizer's ${which.toUpperCase()} token, and render was not told its text.`,
      `Pass { specialTokens: { ${which}: tokenizer.${which}.text } }.`,
      { token: which },
    );
  }

  #warn(code: RenderingWarning["code"], index: number, does: string): void {
    this.#warnings.push({ code, index, message: `Template "${this.#style.name}" ${does} (message ${index}).` });
  }
}

/** Index of the answer that generation would write: the last message if the assistant spoke it, else one past the end. */
function lastAnswer(messages: readonly Message[]): number {
  return messages.at(-1)?.role === "assistant" ? messages.length - 1 : messages.length;
}
