import type { MaskTokenizer } from "../maskTokenizer.ts";
import type { TokenOffsets } from "../tokenOffsets.ts";

/** Control tokens of the mock tokenizer; private-use code points, so that no text of a test collides with them. */
export const mockControls: Readonly<Record<string, number>> = {
  "<s>": 0,
  "</s>": 1,
  "<|im_start|>": 0xe000,
  "<|im_end|>": 0xe001,
  "<end_of_turn>": 0xe002,
};

const controlPattern = new RegExp(
  Object.keys(mockControls)
    .map((text) => text.replace(/[|\\]/g, "\\$&"))
    .join("|"),
  "g",
);

/** LitGPT's mock of upstream tests: a token is a code point, BOS 0, EOS 1; plus control tokens where they are allowed. */
export const mockTokenizer: MaskTokenizer & { decode(ids: ArrayLike<number>): string } = {
  bos: { id: 0, text: "<s>" },
  eos: { id: 1, text: "</s>" },
  encode: (text) => encodeWith(text, true),
  encodeContent(text, policy = "literal") {
    controlPattern.lastIndex = 0;
    const found = controlPattern.exec(text);
    if (policy === "reject" && found) {
      const error = new Error(`The control token ${found[0]} stands in content.`);
      throw Object.assign(error, { code: "control-token-in-content", offset: found.index });
    }
    return encodeWith(text, policy === "allow");
  },
  isControl: (id) => Object.values(mockControls).includes(id),
  decode(ids) {
    const names = new Map(Object.entries(mockControls).map(([text, id]) => [id, text]));
    return Array.from(ids, (id) => names.get(id) ?? String.fromCodePoint(id % 0x110000)).join("");
  },
};

/** Code points that are taken by control tokens move behind the last code point. */
const taken = new Set(Object.values(mockControls));
const plainId = (code: number): number => (taken.has(code) ? 0x110000 + code : code);

function encodeWith(text: string, controls: boolean): TokenOffsets {
  const ids: number[] = [];
  const offsets: number[] = [];
  for (let at = 0; at < text.length;) {
    const control = controls ? Object.keys(mockControls).find((name) => text.startsWith(name, at)) : undefined;
    const code = text.codePointAt(at) as number;
    const length = control?.length ?? (code > 0xffff ? 2 : 1);
    ids.push(control === undefined ? plainId(code) : mockControls[control]);
    offsets.push(at, at + length);
    at += length;
  }
  return { ids: Int32Array.from(ids), offsets: Int32Array.from(offsets) };
}
