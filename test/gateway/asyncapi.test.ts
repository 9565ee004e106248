/** docs/asyncapi.yaml says what gateway/protocol.ts does: each message, each field, each allowed value. */
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import type { AnySchema } from 'ajv';
import { parse } from 'yaml';
import { Failure, FAILURES } from '../../gateway/failures.ts';
import {
  ENCODINGS,
  errorMessage,
  MAX_CHANNELS,
  parseClientMessage,
  parseLiveRequest,
  SAMPLE_RATES,
} from '../../gateway/protocol.ts';
import type { Catalogue, ClientMessage, ServerMessage } from '../../gateway/protocol.ts';
import { NAME_PATTERN, PRIORITIES } from '../../workflows/contract.ts';
import { checkerOf } from '../harness/schemas.ts';
import type { Checker } from '../harness/schemas.ts';

interface SchemaOfObject {
  readonly properties: Readonly<
    Record<string, { enum?: unknown[]; maximum?: number; pattern?: string; default?: unknown }>
  >;
}

interface AsyncApi {
  readonly channels: {
    readonly live: {
      readonly messages: Readonly<Record<string, unknown>>;
      readonly bindings: { readonly ws: { readonly query: SchemaOfObject } };
    };
  };
  readonly operations: Readonly<Record<string, { readonly messages: readonly { readonly $ref: string }[] }>>;
  readonly components: { readonly schemas: Readonly<Record<string, SchemaOfObject>> };
}

/** The compiler asks for each type of message here, and for each of its fields. */
type OneOfEach<M extends { type: string }> = { [T in M['type']]: Required<Extract<M, { type: T }>> };

const word = { text: 'so', startMs: 10, endMs: 220, confidence: 0.9 };

const serverMessages: OneOfEach<ServerMessage> = {
  session: { type: 'session', id: 'call-17', durableBytes: 0, nextIndex: 2, model: 'en', language: 'en' },
  queued: { type: 'queued', position: 1, estimatedWaitMs: null, estimated: true },
  started: { type: 'started' },
  partial: { type: 'partial', text: 'so', startMs: 10, endMs: 220.5, channel: 0 },
  final: {
    type: 'final',
    index: 2,
    startMs: 10,
    endMs: 220,
    text: 'so',
    words: [word],
    timing: 'model',
    channel: 0,
    revision: 0,
    audioStartMs: 0,
    audioEndMs: 300.5,
  },
  ack: { type: 'ack', durableBytes: 16_000 },
  done: { type: 'done', segments: 3, audioMs: 500, state: 'completed' },
  error: { type: 'error', code: 'internal', message: 'the service failed', retryable: true },
};

const clientMessages: OneOfEach<ClientMessage> = {
  finalize: { type: 'finalize' },
  keepalive: { type: 'keepalive' },
  end: { type: 'end' },
};

let document: AsyncApi;
let checker: Checker;
beforeAll(async () => {
  document = parse(await readFile(new URL('../../docs/asyncapi.yaml', import.meta.url), 'utf8')) as AsyncApi;
  checker = checkerOf(document, 'draft-07');
});

const schemaOf = (name: string): string => `/components/schemas/${name}`;
const namesOf = (operation: string): (string | undefined)[] =>
  (document.operations[operation]?.messages ?? []).map(({ $ref }) => $ref.split('/').at(-1));

test('it is a document of AsyncAPI 3.0, by the schema that its makers publish', async () => {
  const published = createRequire(import.meta.url).resolve('@asyncapi/specs/schemas/3.0.0-without-$id.json');
  const schema = JSON.parse(await readFile(published, 'utf8')) as AnySchema;
  expect(checkerOf(schema, 'draft-07').faults('', document)).toEqual([]);
  expect(checkerOf(schema, 'draft-07').faults('', { ...document, channels: { live: { message: {} } } })).not.toEqual(
    [],
  );
});

test('every message of the protocol is described, and no other', () => {
  expect(namesOf('toClient').sort()).toEqual(Object.keys(serverMessages).sort());
  expect(namesOf('fromClient').sort()).toEqual(['audio', ...Object.keys(clientMessages)].sort());
  const all = [...namesOf('toClient'), ...namesOf('fromClient')];
  expect(Object.keys(document.channels.live.messages).sort()).toEqual(all.sort());
});

test.each(Object.entries({ ...serverMessages, ...clientMessages }))(
  '%s: every field is described, and no other',
  (type, message) => {
    expect(checker.faults(schemaOf(type), message)).toEqual([]);
    expect(Object.keys(document.components.schemas[type]?.properties ?? {}).sort()).toEqual(
      Object.keys(message).sort(),
    );
    expect(checker.faults(schemaOf(type), { ...message, surprise: 1 })).toHaveLength(1);
  },
);

test('the fields of a word are described', () => {
  expect(Object.keys(document.components.schemas['word']?.properties ?? {}).sort()).toEqual(Object.keys(word).sort());
});

test.each(Object.values(clientMessages))('the gateway takes a client message as it is described: $type', (message) => {
  expect(parseClientMessage(Buffer.from(JSON.stringify(message)))).toEqual(message);
});

test('the codes of an error are the rows of the table of failures', () => {
  expect(document.components.schemas['error']?.properties['code']?.enum).toEqual(Object.keys(FAILURES));
  for (const type of Object.keys(FAILURES) as (keyof typeof FAILURES)[]) {
    expect(checker.faults(schemaOf('error'), errorMessage(new Failure(type, 'why')))).toEqual([]);
  }
});

test('the parameters, their values and their defaults are those the gateway takes', () => {
  const { properties } = document.channels.live.bindings.ws.query;
  expect(properties['encoding']?.enum).toEqual(ENCODINGS);
  expect(properties['sample_rate']?.enum).toEqual(SAMPLE_RATES);
  expect(properties['priority']?.enum).toEqual(PRIORITIES);
  expect(properties['channels']?.maximum).toBe(MAX_CHANNELS);
  expect(properties['session']?.pattern).toBe(NAME_PATTERN.source);
  const catalogue = { defaultModel: 'en', models: { en: { languages: ['en'] } } };
  const { index, priority, audio } = parseLiveRequest(new URLSearchParams(), catalogue);
  const defaults = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, schema.default]));
  expect(defaults).toMatchObject({ index, priority, encoding: audio.encoding, channels: audio.channels });
  expect(Object.keys(properties).sort()).toEqual(parametersTold(catalogue).sort());
});

/** The gateway names its parameters to whoever gives one that does not exist. */
function parametersTold(catalogue: Catalogue): string[] {
  try {
    parseLiveRequest(new URLSearchParams({ colour: 'red' }), catalogue);
  } catch (error) {
    return (/one of (.*)$/.exec((error as Error).message)?.[1] ?? '').split(', ');
  }
  return [];
}
