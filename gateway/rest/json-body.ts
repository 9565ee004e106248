/** A JSON body, bounded before it is parsed, and held against a schema that says what is allowed. */
import type { Request } from 'express';
import type { z } from 'zod';
import { Failure } from '../failures.ts';
import { shown } from '../protocol.ts';
import { repeatedKey } from './json-keys.ts';

/** @throws Failure that names the field and what is allowed there */
export async function readJson<T extends z.ZodType>(
  request: Request,
  schema: T,
  maxBytes: number,
): Promise<{ readonly value: z.output<T>; readonly text: string }> {
  const text = await readText(request, maxBytes);
  const json = parsed(text);
  const twice = repeatedKey(text);
  if (twice !== null) throw new Failure('invalid_parameter', `${shown(twice)}: given more than once`);
  const result = schema.safeParse(json);
  if (result.success) return { value: result.data, text };
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  if (issue?.code === 'unrecognized_keys') {
    const where = path === '' ? '' : ` in ${path}`;
    throw new Failure('unknown_parameter', `${shown(issue.keys[0] ?? '')} is no field${where}`);
  }
  throw new Failure('invalid_parameter', `${path === '' ? 'the body' : path}: ${issue?.message ?? 'not valid'}`);
}

export const isJson = (request: Request): boolean => request.is('application/json') === 'application/json';

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure('invalid_parameter', 'the body is not JSON (UTF-8, without a byte order mark)');
  }
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > maxBytes) throw new Failure('upload_too_large', `a JSON body has at most ${maxBytes} bytes here`);
      pieces.push(piece);
    }
  } catch (error) {
    throw error instanceof Failure ? error : new Failure('incomplete_upload', 'the body ended early');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces));
  } catch {
    throw new Failure('invalid_parameter', 'the body is not UTF-8');
  }
}
