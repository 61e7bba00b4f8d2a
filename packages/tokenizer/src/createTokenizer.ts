import { createAddedTokenSearch, readAddedTokens, type AddedToken, type AddedTokenMatch } from "./addedTokens.ts";
import { originalEnd, originalStart, sliceText, untouchedText, type AlignedText } from "./alignedText.ts";
import { readChatTemplate } from "./chatTemplate.ts";
import { findControlTokens } from "./controlTokens.ts";
import { createDecoder } from "./decoders/createDecoder.ts";
import { EncodingBuilder } from "./encodingBuilder.ts";
import { ControlTokenInContentError } from "./errors.ts";
import { asObject, booleanField } from "./jsonFields.ts";
import { createModel } from "./models/createModel.ts";
import { createNormalizer } from "./normalizers/createNormalizer.ts";
import { createPostProcessor } from "./postProcessors/createPostProcessor.ts";
import { createPreTokenizer } from "./preTokenizers/createPreTokenizer.ts";
import { openingToken, usualEndToken } from "./tokenizerAlone.ts";
import { resolveSpecialToken, type SpecialToken, type SpecialTokenName } from "./specialTokens.ts";
import type { ContinueOptions, ControlTokenPolicy, DecodeOptions, EncodeOptions, Encoding, Tokenizer } from "./tokenizer.ts";

/** The parsed files of a model folder. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizerJson: unknown;
  /** tokenizer_config.json */
  readonly tokenizerConfig?: unknown;
  /** special_tokens_map.json */
  readonly specialTokensMap?: unknown;
  /** generation_config.json */
  readonly generationConfig?: unknown;
  /** The text of chat_template.jinja, which wins over the one in tokenizer_config.json. */
  readonly chatTemplate?: string;
}

/** Which added tokens are looked for, and which ids the model must not produce. */
interface Reading {
  readonly inRawText: (text: string) => AddedTokenMatch[];
  readonly inNormalizedText: (text: string) => AddedTokenMatch[];
  readonly banned: Uint8Array | null;
}

/**
 * Builds a tokenizer from parsed files; needs no file system, so it works in a browser and in a worker.
 * `truncation` and `padding` of tokenizer.json are not applied: text is never cut silently.
 *
 * @throws TokenizerFormatError for a missing or ill-typed field, with its path.
 * @throws UnknownComponentError for a component that this package does not implement, by name.
 * @throws UnsupportedPatternError for a regular expression without an exact JavaScript form.
 */
export function createTokenizer(files: TokenizerFiles): Tokenizer {
  const json = asObject(files.tokenizerJson, "tokenizer.json");
  const config = asObject(files.tokenizerConfig ?? {}, "tokenizer_config.json");
  const normalize = createNormalizer(json["normalizer"], true);
  const normalizeOn = createNormalizer(json["normalizer"], false);
  const preTokenizer = createPreTokenizer(json["pre_tokenizer"], true);
  const preTokenizerOn = createPreTokenizer(json["pre_tokenizer"], false);
  const model = createModel(json["model"], preTokenizer.byteLevel);
  const addedTokens = readAddedTokens(json, config, model.vocabulary);
  const decodeTokens = createDecoder(json["decoder"]);

  const idOf = new Map(addedTokens.map(({ content, id }) => [content, id]));
  const texts = [...model.texts];
  // As in the Rust library, a token that is matched in normalised text reads back as its normalised content.
  const spellingOf = ({ content, normalized }: AddedToken): string => (normalized ? normalize(untouchedText(content, 0)).text : content);
  for (const token of addedTokens) texts[token.id] = spellingOf(token);
  const specialTokens = addedTokens.filter(({ special }) => special);
  const specialIds = new Set(specialTokens.map(({ id }) => id));
  const specialTexts = new Set(specialTokens.map(({ content }) => content));
  const tokenToId = (token: string): number | null => idOf.get(token) ?? model.vocabulary.get(token) ?? null;
  const idToToken = (id: number): string | null => texts[id] ?? null;
  const postProcessor = createPostProcessor(json["post_processor"], idToToken);

  const sources = {
    config,
    specialTokensMap: asObject(files.specialTokensMap ?? {}, "special_tokens_map.json"),
    generationConfig: asObject(files.generationConfig ?? {}, "generation_config.json"),
    tokenToId,
    idToToken,
    modelUnknown: model.unknownToken,
  };
  const isAlone = files.tokenizerConfig === undefined && files.specialTokensMap === undefined && files.generationConfig === undefined;
  const opener = isAlone ? openingToken(postProcessor.apply(new EncodingBuilder(), "", true).ids, specialIds, idToToken) : null;
  const special = (name: SpecialTokenName): SpecialToken | null =>
    (isAlone && name === "bos" ? opener : null) ??
    (isAlone && name === "eos" ? usualEndToken(specialTokens) : null) ??
    resolveSpecialToken(name, sources);

  const readingOf = (tokens: readonly AddedToken[], banned: Uint8Array | null): Reading => ({
    inRawText: createAddedTokenSearch(
      tokens.filter(({ normalized }) => !normalized),
      spellingOf,
    ),
    inNormalizedText: createAddedTokenSearch(
      tokens.filter(({ normalized }) => normalized),
      spellingOf,
    ),
    banned,
  });

  function tokenize(text: string, reading: Reading, continues: boolean): EncodingBuilder {
    const builder = new EncodingBuilder();
    const goesOn = (piece: AlignedText): boolean => continues && builder.ids.length === 0 && piece.base === 0;
    const addWords = (piece: AlignedText): void => {
      const words = (goesOn(piece) ? preTokenizerOn : preTokenizer).split(piece);
      for (const word of words) builder.addWord(word, model.encodeWord(word.text, reading.banned));
    };
    const addNormalized = (piece: AlignedText): void => {
      const normalized = (goesOn(piece) ? normalizeOn : normalize)(piece);
      if (normalized.text !== "") addSections(normalized, reading.inNormalizedText(normalized.text), builder, addWords);
    };
    const whole = untouchedText(replaceLoneSurrogates(text), 0);
    if (text !== "") addSections(whole, reading.inRawText(whole.text), builder, addNormalized);
    return builder;
  }

  const finish = (builder: EncodingBuilder, text: string, addSpecialTokens: boolean): Encoding => {
    const run = postProcessor.apply(builder, text, addSpecialTokens);
    return { ids: new Int32Array(run.ids), offsets: new Int32Array(run.offsets) };
  };

  const plain = readingOf([], null);
  const control = findControlTokens(addedTokens, texts.length, model.unknownToken, (text) => tokenize(text, plain, false).ids);
  const everything = readingOf(addedTokens, null);
  const content = readingOf(
    addedTokens.filter(({ id }) => control[id] === 0),
    control,
  );

  return {
    vocabSize: texts.length,
    bos: special("bos"),
    eos: special("eos"),
    pad: special("pad"),
    unk: special("unk"),
    addBosToken:
      "add_bos_token" in config
        ? booleanField(config, "add_bos_token", "tokenizer_config.json", false)
        : opener === null
          ? undefined
          : true,
    chatTemplate: files.chatTemplate ?? readChatTemplate(config),
    encode(text: string, { addSpecialTokens = false, continues = false }: EncodeOptions = {}): Encoding {
      return finish(tokenize(text, everything, continues), text, addSpecialTokens);
    },
    encodeContent(text: string, policy: ControlTokenPolicy = "literal", { continues = false }: ContinueOptions = {}): Encoding {
      if (policy === "literal") return finish(tokenize(text, content, continues), text, false);
      const builder = tokenize(text, everything, continues);
      const found = policy === "reject" ? builder.ids.findIndex((id) => control[id] === 1) : -1;
      if (found >= 0) throw new ControlTokenInContentError(texts[builder.ids[found]], builder.ids[found], builder.offsets[2 * found]);
      return finish(builder, text, false);
    },
    decode(ids: ArrayLike<number>, { skipSpecialTokens = false }: DecodeOptions = {}): string {
      const tokens: string[] = [];
      for (let i = 0; i < ids.length; i++) {
        const token = texts[ids[i]];
        const isSpecial = specialIds.has(ids[i]) || specialTexts.has(token);
        if (token !== undefined && !(skipSpecialTokens && isSpecial)) tokens.push(token);
      }
      return decodeTokens(tokens);
    },
    tokenToId,
    idToToken,
    isControl: (id: number): boolean => control[id] === 1,
  };
}

/** Adds the matched tokens as they are and hands what lies between them on. */
function addSections(
  piece: AlignedText,
  matches: readonly AddedTokenMatch[],
  builder: EncodingBuilder,
  addBetween: (piece: AlignedText) => void,
): void {
  let from = 0;
  for (const { token, start, end } of matches) {
    if (start > from) addBetween(sliceText(piece, from, start));
    builder.addMatch(token.id, piece.text.slice(start, end), originalStart(piece, start), originalEnd(piece, end));
    from = end;
  }
  if (from < piece.text.length) addBetween(sliceText(piece, from, piece.text.length));
}

/** A lone surrogate is no character: it becomes U+FFFD, as in every UTF-8 encoder. Offsets stay as they were. */
function replaceLoneSurrogates(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}
