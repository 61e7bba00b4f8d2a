/** Records and prompt styles to typed segments with provenance. No I/O: runs in Node and in a browser. */
export type * from "./segment.ts";
export type { PromptTemplate, RenderOptions } from "./promptTemplate.ts";
export type { TemplateDefinition, TurnMarkup } from "./templateDefinition.ts";
export { TemplateError, type TemplateErrorCode } from "./templateError.ts";
export { createTemplate } from "./createTemplate.ts";
export { findTemplate, findTemplateForModel, templateNames } from "./registry.ts";
export {
  readRecord,
  detectRecordFormat,
  defaultTemplateName,
  recordFields,
  recordFormats,
  unreadFields,
  type ReadRecordOptions,
} from "./records/readRecord.ts";
export { RecordError, type RecordErrorCode, type RecordPlace } from "./records/recordError.ts";
export { createJinjaTemplate, type JinjaTemplateOptions } from "./jinja/createJinjaTemplate.ts";
export type { JinjaLimits } from "./jinja/budget.ts";
export { expandTurns, isPrefixStable } from "./expandTurns.ts";
