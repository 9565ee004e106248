/** Which session a request is about, and what it asks. */
import type { Request } from 'express';
import { NAME_PATTERN } from '../../workflows/contract.ts';
import type { SessionRef } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { queryWithLists, targetOf } from '../protocol.ts';

/** A name that cannot be one is answered like one that does not exist. */
export function refOf(gateway: Gateway, request: Request): SessionRef {
  const { id } = request.params;
  if (typeof id !== 'string' || !NAME_PATTERN.test(id)) throw new Failure('not_found', 'no such session');
  return { tenant: gateway.settings.tenant, id };
}

/** @throws Failure where a parameter is given twice */
export const queryOf = (request: Request): Record<string, string | string[]> =>
  queryWithLists(targetOf(request.url).query);
