/** JSON schemas of the published documents, to hold what was really said against. */
import { Ajv } from 'ajv';
import type { AnySchema, Options } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

export interface Checker {
  /** What is wrong with the value by the schema at a JSON pointer of the document; an empty list: nothing. */
  faults(pointer: string, value: unknown): string[];
}

/** `strict` off: a document holds more than schemas, and keywords of its own. */
const OPTIONS: Options = { strict: false, allErrors: true, allowUnionTypes: true };

/** Schemas inside a document, which may refer to each other. @param dialect what the document's schemas are written in */
export function checkerOf(document: AnySchema, dialect: 'draft-07' | '2020-12'): Checker {
  const ajv = dialect === 'draft-07' ? new Ajv(OPTIONS) : new Ajv2020(OPTIONS);
  formats.default(ajv);
  // The document itself is no schema: those inside are checked when they are compiled.
  ajv.addSchema(document, 'document', undefined, false);
  return {
    faults: (pointer, value) => {
      const validate = ajv.getSchema(`document#${pointer}`);
      if (validate === undefined) return [`no schema at ${pointer}`];
      void validate(value);
      return (validate.errors ?? []).map(({ instancePath, message, params }) =>
        [instancePath, message, JSON.stringify(params)].join(' '),
      );
    },
  };
}

/** A name as part of a JSON pointer in a URI fragment (RFC 6901, 6). */
export const pointerPart = (name: string): string =>
  encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
