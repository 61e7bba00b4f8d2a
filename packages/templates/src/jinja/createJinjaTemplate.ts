import type { PromptTemplate, RenderOptions } from "../promptTemplate.ts";
import type { Conversation, Rendering, RenderingWarning, Segment } from "../segment.ts";
import { sha256 } from "../sha256.ts";
import { TemplateError } from "../templateError.ts";
import { defaultLimits, type JinjaLimits } from "./budget.ts";
import { ignoredFields } from "./ignoredFields.ts";
import type { MarkedText } from "./markedText.ts";
import { ParsedTemplate } from "./parsedTemplate.ts";
import { probeAnswerMarkup, readsParts } from "./templateProbe.ts";
import { toSegments } from "./toSegments.ts";
import type { AnswerMarkup } from "./turnParts.ts";
import { turnStretches } from "./turnStretches.ts";

export interface JinjaTemplateOptions {
  readonly name?: string;
  /** Bounds on one rendering's time and size. */
  readonly limits?: Partial<JinjaLimits>;
}

/** Stands for the EOS token while the terminator is looked up, so that it can be told from words of the template. */
const eosMark = "\u{e0e0}eos\u{e0e1}";

/**
 * Makes a prompt template from a model folder's chat template (Jinja, in the dialect of transformers).
 * @throws TemplateError `template-syntax` if it cannot be parsed
 */
export function createJinjaTemplate(source: string, options: JinjaTemplateOptions = {}): PromptTemplate {
  return new JinjaTemplate(source, options);
}

class JinjaTemplate implements PromptTemplate {
  readonly name: string;
  readonly hash: string;
  readonly #parsed: ParsedTemplate;
  #terminators: readonly string[] | null = null;
  #probed: { key: string; markup: AnswerMarkup; parts: boolean } | null = null;

  constructor(source: string, { name = "jinja", limits }: JinjaTemplateOptions) {
    this.name = name;
    this.hash = sha256(source);
    this.#parsed = new ParsedTemplate(name, source, { ...defaultLimits, ...limits });
  }

  get terminators(): readonly string[] {
    if (!this.#terminators) {
      const { terminator } = probeAnswerMarkup(this.#parsed, { specialTokens: { bos: "", eos: eosMark } });
      this.#terminators = [terminator === null || terminator === eosMark ? "eos" : terminator.replaceAll(eosMark, "")];
    }
    return this.#terminators;
  }

  render(conversation: Conversation, options: RenderOptions = {}): Rendering {
    const { messages } = conversation;
    if (messages.length === 0)
      throw new TemplateError(
        "empty-conversation",
        `Template "${this.name}" was given a conversation with no messages.`,
        "Give it at least one.",
      );
    const opensTurn = options.addGenerationPrompt === true && messages.at(-1)!.role !== "assistant";
    if (opensTurn && options.openAsTrained) {
      const answered = { ...conversation, messages: [...messages, { role: "assistant", content: "answer" }] };
      return { ...this.render(answered, options), conversation };
    }
    const { segments, warnings } = this.#segments(conversation, options, opensTurn);
    const stopsAt = options.addGenerationPrompt && !opensTurn ? endOfHeader(segments, messages.length - 1) : segments.length;
    return {
      segments: segments.slice(0, stopsAt),
      conversation,
      terminators: this.terminators,
      template: { name: this.name, hash: this.hash },
      ...(warnings.length > 0 && { warnings }),
    };
  }

  #segments(conversation: Conversation, options: RenderOptions, opensTurn: boolean): { segments: Segment[]; warnings: RenderingWarning[] } {
    // A list of parts is only for templates that read lists; nothing else about the text depends on the probe.
    const parts = conversation.messages.some((message) => message.parts) && this.#probe(options).parts;
    const rendered = this.#rendered(conversation, options, parts, false);
    const warnings = ignoredFields(this.name, conversation, rendered);
    const { markup } = this.#probe(options);
    const { bos, eos } = options.specialTokens ?? {};
    const controlTokens = [bos, eos].filter((token): token is string => Boolean(token));
    const segments = toSegments(turnStretches(rendered, markup.terminator, bos), conversation, markup, controlTokens);
    if (!opensTurn) return { segments, warnings };

    const open = this.#rendered(conversation, options, parts, true);
    const place = {
      kind: "generationPrompt",
      role: "assistant",
      message: conversation.messages.length,
      field: null,
      fieldStart: 0,
      part: "header",
    } as const;
    if (open.text.startsWith(rendered.text)) {
      const text = open.text.slice(rendered.text.length);
      return { segments: text === "" ? segments : [...segments, { text, ...place }], warnings };
    }
    // The template writes other text before a generation prompt: what belongs to no turn at the end opens the answer.
    const other = toSegments(turnStretches(open, markup.terminator, bos), conversation, markup, controlTokens);
    const last = other.findLastIndex(({ part }) => part !== "outside") + 1;
    const text = other
      .slice(last)
      .map((segment) => segment.text)
      .join("");
    return { segments: text === "" ? other : [...other.slice(0, last), { text, ...place }], warnings };
  }

  #rendered(conversation: Conversation, options: RenderOptions, partsAsList: boolean, addGenerationPrompt: boolean): MarkedText {
    const nullAsText = !conversation.messages.some(({ contentIsNull }) => contentIsNull);
    try {
      return this.#parsed.render(conversation, options, { partsAsList, nullAsText }, addGenerationPrompt);
    } catch (error) {
      // Many templates join `content` to text without asking whether it is null.
      if (nullAsText || !(error instanceof TemplateError && error.code === "template-runtime")) throw error;
      return this.#parsed.render(conversation, options, { partsAsList, nullAsText: true }, addGenerationPrompt);
    }
  }

  #probe(options: RenderOptions): { markup: AnswerMarkup; parts: boolean } {
    const { specialTokens, variables, now } = options;
    const key = JSON.stringify([specialTokens?.bos, specialTokens?.eos, variables, now?.getTime()]);
    if (this.#probed?.key !== key) {
      this.#probed = { key, markup: probeAnswerMarkup(this.#parsed, options), parts: readsParts(this.#parsed, options) };
    }
    return this.#probed;
  }
}

/** Index of the first segment that an assistant's answer is made of, behind what opens it. */
function endOfHeader(segments: readonly Segment[], message: number): number {
  const body = segments.findIndex((segment) => segment.message === message && segment.role === "assistant" && segment.part !== "header");
  return body < 0 ? segments.length : body;
}
