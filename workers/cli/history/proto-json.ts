/**
 * Histories as proto3 JSON and back (https://protobuf.dev/programming-guides/json/), the form that every Temporal tool
 * reads and writes. The SDK's own `historyToJSON` and `historyFromJSON` work only where npm installs one copy of
 * protobufjs for all of its packages; here the copy is taken that made the types.
 */
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { createRequire } from 'node:module';

interface ProtoJson {
  readonly toJson: (type: object, message: object) => unknown;
  readonly fromJson: (type: object, json: unknown, options: { readonly ignoreUnknownFields: boolean }) => object;
}

const PROTO = '@temporalio/proto';
const here = createRequire(import.meta.url);
const there = createRequire(here.resolve(PROTO));
const { toJson, fromJson } = there('protobufjs/ext/protojson') as ProtoJson;
const root = here(PROTO) as { lookupType(name: string): object };
const historyType = root.lookupType('temporal.api.history.v1.History');

/** Enums as names, bytes as base64, 64-bit numbers as strings. */
export const historyToJson = (history: History): unknown => toJson(historyType, history);

/** Fields of a newer server are passed over. @throws Error that names the field that is no history's. */
export const historyFromJson = (json: unknown): History => fromJson(historyType, json, { ignoreUnknownFields: true });
