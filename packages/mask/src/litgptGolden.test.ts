import { type TokenizerName, tokenizerFolder } from "@sft/fixtures";
import { findTemplate, readRecord } from "@sft/templates";
import type { Tokenizer } from "@sft/tokenizer";
import { loadTokenizer } from "@sft/tokenizer/node";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeRendering, type EncodeOptions, type Example, padBatch, shiftTargets, toLabels } from "./index.ts";
import { readGolden } from "./testing/golden.ts";

/** What LitGPT 0.5.13 made of eight rows: SFTDataset items, and the first four collated. */
interface GoldenDataset {
  readonly tokenizer: TokenizerName;
  readonly style: string;
  readonly mask_prompt: boolean;
  readonly max_seq_length: number;
  readonly rows: readonly { readonly example: object; readonly input_ids: number[]; readonly labels: number[] }[];
  readonly collated: { readonly input_ids: number[][]; readonly labels: number[][] };
}

const datasets = readGolden<GoldenDataset[]>("litgpt-sft-dataset");
const tokenizers = new Map<TokenizerName, Tokenizer>();

beforeAll(async () => {
  for (const name of new Set(datasets.map((dataset) => dataset.tokenizer))) {
    tokenizers.set(name, await loadTokenizer(tokenizerFolder(name)));
  }
});

function encode(dataset: GoldenDataset, row: number, options: EncodeOptions): Example {
  const tokenizer = tokenizers.get(dataset.tokenizer) as Tokenizer;
  const specialTokens = { bos: tokenizer.bos?.text, eos: tokenizer.eos?.text };
  const rendering = findTemplate(dataset.style).render(readRecord(dataset.rows[row].example), { specialTokens });
  return encodeRendering(rendering, tokenizer, { ...options, row });
}

function asLitgpt(dataset: GoldenDataset, row: number): Example {
  const maxLength = dataset.max_seq_length > 0 ? dataset.max_seq_length : undefined;
  return encode(dataset, row, { mask: dataset.mask_prompt ? "litgpt" : "litgpt-cli", maxLength });
}

/** LitGPT's labels start with the first token, which the shift then throws away; ours never hold it. */
const afterFirst = (labels: ArrayLike<number>): number[] => Array.from(labels).slice(1);

describe("the preset litgpt equals LitGPT 0.5.13", () => {
  it("has 36 settings of 8 rows", () => {
    expect(datasets).toHaveLength(36);
    expect(datasets.every(({ rows }) => rows.length === 8)).toBe(true);
  });

  it.each(
    datasets.map(
      (dataset) => [`${dataset.tokenizer} ${dataset.style} masked=${dataset.mask_prompt} max=${dataset.max_seq_length}`, dataset] as const,
    ),
  )("%s", (_, dataset) => {
    dataset.rows.forEach((row, i) => {
      const example = asLitgpt(dataset, i);
      expect([...example.ids], `ids of row ${i}`).toEqual(row.input_ids);
      expect(afterFirst(toLabels(example)), `labels of row ${i}`).toEqual(afterFirst(row.labels));
    });
    const { input_ids, labels } = dataset.collated;
    const count = input_ids.length;
    const shifted = Array.from({ length: count }, (_, i) => shiftTargets(asLitgpt(dataset, i)));
    const batch = padBatch(shifted, { padId: 0 });
    const length = input_ids[0].length - 1;
    expect([batch.rows, batch.length]).toEqual([count, length]);
    for (let i = 0; i < count; i++) {
      const [from, to] = [i * length, (i + 1) * length];
      expect([...batch.inputIds.subarray(from, to)].slice(0, shifted[i].inputIds.length)).toEqual(
        input_ids[i].slice(0, shifted[i].inputIds.length),
      );
      const targets = Array.from(batch.targets.subarray(from, to), (id, j) => (batch.weights[from + j] > 0 ? id : -100));
      expect(targets).toEqual(afterFirst(labels[i]));
    }
  });
});

describe("where the default differs from LitGPT, and why", () => {
  const whole = datasets.filter((dataset) => dataset.mask_prompt && dataset.max_seq_length === -1);
  const rowsWhere = (differs: (ours: Example, theirs: Example, tokenizer: Tokenizer) => boolean): Record<string, number[]> =>
    Object.fromEntries(
      whole.map((dataset) => {
        const tokenizer = tokenizers.get(dataset.tokenizer) as Tokenizer;
        const rows = dataset.rows.flatMap((_, row) => (differs(encode(dataset, row, {}), asLitgpt(dataset, row), tokenizer) ? [row] : []));
        return [`${dataset.tokenizer} ${dataset.style}`, rows];
      }),
    );
  const trainedIds = ({ ids, weights }: Example): string => `${[...ids].filter((_, i) => weights[i] > 0)}`;
  const promptIds = ({ ids, weights }: Example, { bos }: Tokenizer): number[] => {
    const answer = weights.findIndex((weight) => weight > 0);
    return [...ids.subarray(ids[0] === bos?.id ? 1 : 0, answer < 0 ? ids.length : answer)];
  };

  it("loses no EOS: LitGPT strips it from an answer that ends in EOS text (since 0.5.4)", () => {
    const lost = rowsWhere((ours, { ids }, { eos }) => {
      expect([...ours.ids].filter((id, i) => id === eos?.id && ours.weights[i] > 0)).toHaveLength(1);
      return ids.at(-1) !== eos?.id;
    });
    expect(lost).toEqual({
      "llama2 alpaca": [7],
      "llama2 llama2": [7],
      "llama3_1 alpaca": [],
      "llama3_1 llama3": [],
      "qwen3 alpaca": [],
      "qwen3 qwen2.5": [],
    });
  });

  it("trains the same tokens in every other row, but for the space that LitGPT lets Llama 2 put before an answer", () => {
    const all = [0, 1, 2, 3, 4, 5, 6, 7];
    const differ = rowsWhere((ours, theirs) => trainedIds(ours) !== trainedIds(theirs));
    expect(Object.entries(differ).filter(([, rows]) => rows.length > 0)).toEqual([
      ["llama2 alpaca", all],
      ["llama2 llama2", all],
    ]);
    const trainedText = (example: Example, { decode }: Tokenizer): string => decode(example.ids.filter((_, i) => example.weights[i] > 0));
    const other = rowsWhere(
      (ours, theirs, tokenizer) => trainedText(ours, tokenizer).trimStart() !== trainedText(theirs, tokenizer).trimStart(),
    );
    expect(Object.values(other).flat()).toEqual([7, 7]);
  });

  it("keeps a record's control-token text as text: row 7 holds </s>, <|im_end|> and <|eot_id|>", () => {
    const promptControls = ({ ids, weights }: Example, { bos, isControl }: Tokenizer): number =>
      ids.filter((id, i) => id !== bos?.id && weights[i] === 0 && isControl(id)).length;
    const injected = rowsWhere((ours, theirs, tokenizer) => {
      const inContent = ours.spans
        .filter((span) => span.kind === "content")
        .flatMap((span) => [...ours.ids.subarray(span.start, span.end)]);
      expect(inContent.filter((id) => tokenizer.isControl(id))).toEqual([]);
      return promptControls(theirs, tokenizer) > promptControls(ours, tokenizer);
    });
    for (const rows of Object.values(injected)) expect(rows).toEqual([7]);
  });

  it("encodes segment by segment, so that record and template share no token: rows whose text ends in a full stop before a blank line", () => {
    const differ = rowsWhere((ours, theirs, tokenizer) => `${promptIds(ours, tokenizer)}` !== `${promptIds(theirs, tokenizer)}`);
    const all = [0, 1, 2, 3, 4, 5, 6, 7];
    expect(differ).toEqual({
      "llama2 alpaca": [7],
      // The prompt's own words end in a space, which joint encoding merges with the first word of what follows.
      "llama2 llama2": all,
      "llama3_1 alpaca": [0, 1, 6, 7],
      "llama3_1 llama3": [7],
      "qwen3 alpaca": [0, 1, 6, 7],
      "qwen3 qwen2.5": [7],
    });
  });
});
