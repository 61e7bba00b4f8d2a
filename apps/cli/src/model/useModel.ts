import { frozenWeightsFor, type LanguageModel } from "@sft/model";
import { hearingBackend } from "../backend/hearingBackend.ts";
import { selectBackend, type BackendChoice } from "../backend/selectBackend.ts";
import { chooseTemplate, type TemplateForFormat } from "../rows/chooseTemplate.ts";
import { readPromptSettings } from "../runFolder/promptSettings.ts";
import { findTrained, type ModelPlace, type ModelRequest } from "./findTrained.ts";
import { attachAdapter, loadModel, openModel, type OpenedModel } from "./openModel.ts";

export interface ModelUse {
  readonly place: ModelPlace;
  readonly opened: OpenedModel;
  /** The template that was asked for, else the one that the model was trained with, else the rows' own. */
  readonly templateFor: TemplateForFormat;
  /** Mask policy of the training, when sft trained it. */
  readonly policy: string | undefined;
  /** Loads the weights, on the chosen backend; call it once everything else is known to be right. */
  load(): Promise<LanguageModel>;
}

export interface UseModelOptions extends ModelRequest, BackendChoice {
  readonly tokenizer?: string | undefined;
  readonly template?: string | undefined;
}

/** Opens a trained or base model with the template that belongs to it, runs `use`, and gives everything back. */
export async function useModel<T>(options: UseModelOptions, cwd: string, use: (model: ModelUse) => Promise<T>): Promise<T> {
  const place = await findTrained(options, cwd);
  const opened = await openModel(place.model, options.tokenizer);
  let loaded: LanguageModel | undefined;
  try {
    const saved = await readPromptSettings(place.trained);
    const templateFor =
      options.template === undefined && saved ? () => saved.chosen : await chooseTemplate(options.template, opened.tokenizer);
    const load = async (): Promise<LanguageModel> => {
      const backend = hearingBackend(await selectBackend(options, cwd));
      loaded = await loadModel(opened, backend, { frozenWeights: frozenWeightsFor(backend.capabilities) });
      if (place.adapter !== undefined) await attachAdapter(loaded, place.adapter, opened.folder);
      return loaded;
    };
    return await use({ place, opened, templateFor, policy: saved?.settings.mask_policy, load });
  } finally {
    await loaded?.backend.dispose();
    await opened.folder.close();
  }
}
