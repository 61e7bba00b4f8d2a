import { describe, expect, it } from "vitest";
import type { TemplateDefinition } from "./templateDefinition.ts";
import { bare, rich } from "./testing/definitions.ts";
import { assistant, system, user } from "./testing/messages.ts";
import { segmentsOf } from "./testing/segmentLines.ts";

describe("every segment of a template of an object", () => {
  it("with an input beside the instruction, and without", () => {
    const fields = { instruction: "Add", input: "1 2" };
    expect(segmentsOf(rich, [user("Add\n\n1 2", { fields }), assistant("3")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "With input."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 0 header literal: "Q: "
      user 0 body content content@0: "Add"
      user 0 body literal: " // "
      user 0 body content content@5: "1 2"
      user 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      assistant 1 body content content@0: "3"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
    expect(segmentsOf(rich, [user("Add", { fields: { instruction: "Add", input: "" } }), assistant("3")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 0 header literal: "Q: "
      user 0 body content content@0: "Add"
      user 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      assistant 1 body content content@0: "3"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
    const ignoring: TemplateDefinition = { ...rich, user: { ...rich.user, input: "ignored" } };
    expect(segmentsOf(ignoring, [user("Add\n\n1 2", { fields }), assistant("3")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 0 header literal: "Q: "
      user 0 body content content@0: "Add"
      user 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      assistant 1 body content content@0: "3"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      input-ignored: Template "rich" writes only the instruction and leaves the row's input out, as LitGPT does (message 0).
      "
    `);
  });

  it("with a second question, and an empty system text", () => {
    expect(segmentsOf(rich, [system(""), user("a"), assistant("b"), user("c"), assistant("d")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 1 header literal: "Q: "
      user 1 body content content@0: "a"
      user 1 afterTerminator literal: "\\n"
      assistant 2 header generationPrompt: "A: "
      assistant 2 body content content@0: "b"
      assistant 2 terminator control: "<|end|>"
      assistant 2 afterTerminator literal: "\\n"
      user 3 header literal: "--\\nQ: "
      user 3 body content content@0: "c"
      user 3 afterTerminator literal: "\\n"
      assistant 4 header generationPrompt: "A: "
      assistant 4 body content content@0: "d"
      assistant 4 terminator control: "<|end|>"
      assistant 4 afterTerminator literal: "\\n"
      "
    `);
  });

  it("with a system text of its own, or inside the first question, and a developer's", () => {
    const inside: TemplateDefinition = { ...rich, bos: false, start: "", system: { ...rich.system!, place: "insideFirstUser" } };
    expect(segmentsOf(inside, [{ role: "developer", content: "S\n" }, user("q"), assistant("a")])).toMatchInlineSnapshot(`
      "
      user 1 header literal: "Q: "
      system 0 header control: "<|sys|>"
      system 0 body content content@0: "S"
      system 0 terminator control: "<|/sys|>"
      system 0 afterTerminator literal: "\\n"
      user 1 body content content@0: "q"
      user 1 afterTerminator literal: "\\n"
      assistant 2 header generationPrompt: "A: "
      assistant 2 body content content@0: "a"
      assistant 2 terminator control: "<|end|>"
      assistant 2 afterTerminator literal: "\\n"
      "
    `);
    expect(segmentsOf(inside, [system("S", { fields: { sys_prompt: "S" } }), user("q"), assistant("a")])).toMatchInlineSnapshot(`
      "
      user 1 header literal: "Q: "
      system 0 header control: "<|sys|>"
      system 0 body content content@0: "S"
      system 0 terminator control: "<|/sys|>"
      system 0 afterTerminator literal: "\\n"
      user 1 body content content@0: "q"
      user 1 afterTerminator literal: "\\n"
      assistant 2 header generationPrompt: "A: "
      assistant 2 body content content@0: "a"
      assistant 2 terminator control: "<|end|>"
      assistant 2 afterTerminator literal: "\\n"
      "
    `);
  });

  it("of a prompt", () => {
    const open = { addGenerationPrompt: true };
    expect(segmentsOf(rich, [assistant("a")], open)).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      assistant 0 header generationPrompt: "A: "
      "
    `);
    expect(segmentsOf(rich, [system("S")], open)).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system 0 header control: "<|sys|>"
      system 0 body content content@0: "S"
      system 0 afterTerminator literal: " ~ "
      system 0 terminator control: "<|/sys|>"
      system 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      "
    `);
    expect(segmentsOf(rich, [user("q")], open)).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      user 0 header literal: "Q: "
      user 0 body content content@0: "q"
      user 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      "
    `);
  });

  it("of a template that has no system text", () => {
    expect(segmentsOf(bare, [system("S"), user("q"), assistant("</s><s>a")])).toMatchInlineSnapshot(`
      "
      user 1 header literal: "> "
      user 1 body content content@0: "q"
      assistant 2 header generationPrompt: "\\n< "
      assistant 2 body content content@0: "</s><s>a"
      assistant 2 terminator control: "</s>"
      system-ignored: Template "bare" has no place for a system message and leaves it out (message 0).
      "
    `);
  });
});
