import { describe, expect, it } from "vitest";
import { bare, rich } from "./testing/definitions.ts";
import { assistant, call, system, user } from "./testing/messages.ts";
import { segmentsOf } from "./testing/segmentLines.ts";

describe("every segment of a template of an object", () => {
  it("with a system text, thoughts and tool calls", () => {
    const thoughts = assistant("done", { reasoning_content: "hm", tool_calls: [call, call] });
    const messages = [system("  Be brief. "), user("q"), thoughts, { role: "tool", content: "7" }, assistant("bye")];
    expect(segmentsOf(rich, messages)).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system 0 header control: "<|sys|>"
      system 0 body content content@2: "Be brief."
      system 0 afterTerminator literal: " ~ "
      system 0 terminator control: "<|/sys|>"
      system 0 afterTerminator literal: "\\n"
      user 1 header literal: "Q: "
      user 1 body content content@0: "q"
      user 1 afterTerminator literal: "\\n"
      assistant 2 header generationPrompt: "A: "
      assistant 2 body(reasoning) literal: "<r>"
      assistant 2 body(reasoning) content reasoning_content@0: "hm"
      assistant 2 body(reasoning) literal: "</r>"
      assistant 2 body content content@0: "done"
      assistant 2 body(toolCall) literal: ";"
      assistant 2 body(toolCall) control: "<call>"
      assistant 2 body(toolCall) content tool_calls.0@0: "{\\"name\\": \\"f\\", \\"arguments\\": {\\"x\\": 1}}"
      assistant 2 body(toolCall) literal: "</call>;"
      assistant 2 body(toolCall) control: "<call>"
      assistant 2 body(toolCall) content tool_calls.1@0: "{\\"name\\": \\"f\\", \\"arguments\\": {\\"x\\": 1}}"
      assistant 2 body(toolCall) literal: "</call>"
      assistant 2 terminator control: "<|end|>"
      assistant 2 afterTerminator literal: "\\n"
      tool 3 header control: "<|tool|>"
      tool 3 body content content@0: "7"
      tool 3 terminator control: "<|/tool|>"
      tool 3 afterTerminator literal: "\\n"
      assistant 4 header generationPrompt: "A: "
      assistant 4 body content content@0: "bye"
      assistant 4 terminator control: "<|end|>"
      assistant 4 afterTerminator literal: "\\n"
      "
    `);
  });

  it("with a call and no words before it", () => {
    expect(segmentsOf(rich, [user("q"), assistant("", { tool_calls: [call] })])).toMatchInlineSnapshot(`
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
      assistant 1 body(toolCall) control: "<call>"
      assistant 1 body(toolCall) content tool_calls.0@0: "{\\"name\\": \\"f\\", \\"arguments\\": {\\"x\\": 1}}"
      assistant 1 body(toolCall) literal: "</call>"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
  });

  it("with thoughts inside the words", () => {
    expect(segmentsOf(rich, [user("q"), assistant("<r>hm</r>yes")])).toMatchInlineSnapshot(`
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
      assistant 1 body(reasoning) literal: "<r>"
      assistant 1 body(reasoning) content content@3: "hm"
      assistant 1 body(reasoning) literal: "</r>"
      assistant 1 body content content@9: "yes"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
    expect(segmentsOf(bare, [user("q"), assistant("<think>hm</think>\n\nyes")])).toMatchInlineSnapshot(`
      "
      user 0 header literal: "> "
      user 0 body content content@0: "q"
      assistant 1 header generationPrompt: "\\n< "
      assistant 1 body(reasoning) content content@0: "<think>hm</think>\\n\\n"
      assistant 1 body content content@19: "yes"
      assistant 1 terminator control: "</s>"
      "
    `);
    expect(segmentsOf(rich, [user("q"), assistant("<r>never closed")])).toMatchInlineSnapshot(`
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
      assistant 1 body content content@0: "<r>never closed"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
  });

  it("that begins with an answer", () => {
    expect(segmentsOf(rich, [assistant("a")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system - header control: "<|sys|>"
      system - body literal: "Standard."
      system - terminator control: "<|/sys|>"
      system - afterTerminator literal: "\\n"
      assistant 0 header generationPrompt: "A: "
      assistant 0 body content content@0: "a"
      assistant 0 terminator control: "<|end|>"
      assistant 0 afterTerminator literal: "\\n"
      "
    `);
    expect(segmentsOf(rich, [system("S"), assistant("a")])).toMatchInlineSnapshot(`
      "
      - - outside control: "<s>"
      - - outside literal: "(start)\\n"
      system 0 header control: "<|sys|>"
      system 0 body content content@0: "S"
      system 0 afterTerminator literal: " ~ "
      system 0 terminator control: "<|/sys|>"
      system 0 afterTerminator literal: "\\n"
      assistant 1 header generationPrompt: "A: "
      assistant 1 body content content@0: "a"
      assistant 1 terminator control: "<|end|>"
      assistant 1 afterTerminator literal: "\\n"
      "
    `);
  });
});
