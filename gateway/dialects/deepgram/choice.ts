/** Which model and language a Deepgram client gets. */
import { Failure } from '../../failures.ts';
import { chooseModel, shown } from '../../protocol.ts';
import type { Catalogue, Choice } from '../../protocol.ts';
import { modelNamed } from '../aliases.ts';
import type { Parameters, Warning } from './parameters.ts';

/** Families of Deepgram's own models: who only changes the address asks for one of them. */
const DEEPGRAM_MODEL =
  /^(2-)?(nova|enhanced|base|whisper|general|meeting|phonecall|voicemail|finance|conversationalai|video|medical|drivethru|automotive|atc)(-[a-z0-9-]+)?$/i;

export interface Chosen {
  readonly choice: Choice;
  readonly warnings: readonly Warning[];
}

/** @throws Failure for a model or a language that is not served */
export function chooseFor(parameters: Parameters, catalogue: Catalogue): Chosen {
  const { model, warnings } = modelFor(parameters.text('model'), catalogue);
  const asked = parameters.text('language');
  const language = asked === null ? null : languageFor(asked, model, catalogue);
  const choice = chooseModel({ model, ...(language === null ? {} : { language }), priority: 'normal' }, catalogue);
  if (asked === null || choice.language === asked) return { choice, warnings };
  const message = `${shown(asked)}: model ${choice.model} knows ${choice.language}, of no region`;
  return { choice, warnings: [...warnings, { parameter: 'language', type: 'substituted', message }] };
}

/** A model of Deepgram's that nothing here is named after is answered by the default one, and said so. */
function modelFor(asked: string | null, catalogue: Catalogue): { model: string; warnings: Warning[] } {
  const model = modelNamed(catalogue, asked ?? undefined);
  if (isServed(model, catalogue) || !DEEPGRAM_MODEL.test(model)) return { model, warnings: [] };
  const message = `${shown(model)} is not served here: model ${catalogue.defaultModel} answers`;
  return { model: catalogue.defaultModel, warnings: [{ parameter: 'model', type: 'substituted', message }] };
}

function isServed(model: string, catalogue: Catalogue): boolean {
  try {
    chooseModel({ model, priority: 'normal' }, catalogue);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

/** Of a tag with a region (BCP 47) the language itself, where the model knows no more of it. */
function languageFor(asked: string, model: string, catalogue: Catalogue): string {
  const [primary = asked] = asked.split('-');
  const knows = (language: string): boolean => {
    try {
      chooseModel({ model, language, priority: 'normal' }, catalogue);
      return true;
    } catch {
      return false;
    }
  };
  return !knows(asked) && knows(primary) ? primary : asked;
}
