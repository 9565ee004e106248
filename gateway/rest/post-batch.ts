/** `POST /v1/batches`: every item is looked at before any is begun. */
import type { Request } from 'express';
import { randomUUID } from 'node:crypto';
import type { BatchItem } from '../../workflows/batch/contract.ts';
import type { SessionRef } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import { MAX_LABELS } from '../labels.ts';
import type { Gateway } from '../ports.ts';
import { chooseModel } from '../protocol.ts';
import { newUploadId } from '../uploads/upload-id.ts';
import { Uploads } from '../uploads/uploads.ts';
import { webhookFor } from '../webhooks/target.ts';
import { batchBody } from './batch-schemas.ts';
import type { BatchBody } from './batch-schemas.ts';
import { plainName } from './file-name.ts';
import { allowedUrl, fileNameOf } from './from-url.ts';
import { fingerprintOf, idempotencyKey, idOfKey, mismatch } from './idempotency.ts';
import { readJson } from './json-body.ts';

/** Temporal takes 2 MiB as a workflow's input. */
const MAX_BODY_BYTES = 1 << 20;
/** Items that are looked at side by side. */
const LOOKS_AT_ONCE = 16;
/** Well below Temporal's own bound of 51,200: an item costs about nine events. */
const ROTATE_AFTER_EVENTS = 8000;

type Item = BatchBody['items'][number];

/** Answers the batch, which runs from now on, or has run since the same key was used before. */
export async function postBatch(gateway: Gateway, request: Request): Promise<SessionRef> {
  const { tenant, weightOf, bounds, maxBatchItems, batchSideBySide } = gateway.settings;
  const key = idempotencyKey(request);
  const { value, text } = await readJson(request, batchBody, MAX_BODY_BYTES);
  if (value.items.length > maxBatchItems) {
    throw new Failure('invalid_parameter', `items: ${value.items.length}, at most ${maxBatchItems} are allowed`);
  }
  const ref = { tenant, id: key === null ? randomUUID() : idOfKey('batch', key) };
  const fingerprint = fingerprintOf({}, text);
  if (key !== null && (await isSame(gateway, ref, fingerprint))) return ref;
  const items = await lookAtAll(gateway, ref, value);
  await claimAll(gateway, items);
  const common = { weight: weightOf(tenant), bounds, sideBySide: batchSideBySide };
  const input = { ref, items, rotateAfterEvents: ROTATE_AFTER_EVENTS, ...common };
  const isNew = await gateway.batches.start(input, plainName(value.name ?? 'batch'), fingerprint);
  if (!isNew) await isSame(gateway, ref, fingerprint);
  return ref;
}

/** @throws Failure where the key has started another one */
async function isSame(gateway: Gateway, ref: SessionRef, fingerprint: string): Promise<boolean> {
  const known = await gateway.batches.about(ref);
  if (known !== null && known.fingerprint !== fingerprint) throw mismatch('batch');
  return known !== null;
}

async function lookAtAll(gateway: Gateway, ref: SessionRef, { items, defaults = {} }: BatchBody): Promise<BatchItem[]> {
  const ids = items.map(({ id }, index) => id ?? `${ref.id}.${index}`);
  refuseTwice(ids, 'id');
  refuseTwice(
    items.flatMap(({ uploadId }) => uploadId ?? []),
    'uploadId',
  );
  const looked: BatchItem[] = [];
  for (let at = 0; at < items.length; at += LOOKS_AT_ONCE) {
    const some = items.slice(at, at + LOOKS_AT_ONCE).map(async (item, offset) => {
      const index = at + offset;
      return lookAt(gateway, withDefaults(item, defaults), ids[index] ?? '').catch((error: unknown) => {
        throw error instanceof Failure ? new Failure(error.type, `items.${index}: ${error.message}`) : error;
      });
    });
    looked.push(...(await Promise.all(some)));
  }
  return looked;
}

/** What an item says goes before; its labels are added to those of all. */
function withDefaults(item: Item, defaults: NonNullable<BatchBody['defaults']>): Item {
  // What is undefined would hide the defaults.
  const given = Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as Item;
  const label = [...new Set([...(defaults.label ?? []), ...(item.label ?? [])])];
  return { ...defaults, ...given, label };
}

function refuseTwice(names: readonly string[], field: string): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Failure('invalid_parameter', `items: the ${field} ${twice} is given twice`);
}

async function lookAt(gateway: Gateway, item: Item, session: string): Promise<BatchItem> {
  const { priority = 'normal', filename, channels, label = [] } = item;
  if (label.length > MAX_LABELS) {
    throw new Failure('invalid_parameter', `label: ${label.length} with those of \`defaults\`, at most ${MAX_LABELS}`);
  }
  const { webhook, ...choice } = chooseModel({ ...item, priority }, gateway.settings.catalogue);
  const told = await webhookFor(gateway, webhook);
  const common = { session, ...choice, ...(channels === undefined ? {} : { channels }), ...told };
  if (item.uploadId === undefined) {
    const source = await allowedUrl(gateway, item.url ?? '');
    const fileName = plainName(filename ?? fileNameOf(source));
    return { ...common, fileName, uploadId: newUploadId(), uploadBytes: 0, sourceUrl: source.href };
  }
  const upload = await uploadsOf(gateway).free(item.uploadId, session);
  const fileName = plainName(filename ?? upload.fileName);
  return { ...common, fileName, uploadId: item.uploadId, uploadBytes: upload.bytes };
}

async function claimAll(gateway: Gateway, items: readonly BatchItem[]): Promise<void> {
  for (const { uploadId, session, sourceUrl } of items) {
    if (sourceUrl === undefined) await uploadsOf(gateway).claim(uploadId, session);
  }
}

const uploadsOf = ({ objects, settings }: Gateway): Uploads =>
  new Uploads(objects, settings.tenant, settings.uploadTtlMs);
