/**
 * Every setting of Longhand: one schema, read from the environment in this file alone. `npx longhand config` prints it.
 * Durations in milliseconds, sizes in bytes, unless the name says otherwise.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { outboundSettings } from './config/outbound.ts';

const integer = (from: number, to: number) => z.coerce.number().int().min(from).max(to);
const port = () => integer(0, 65_535);
const text = () => z.string().trim().min(1);
const optional = () => text().nullable().default(null);
const list = () =>
  z
    .string()
    .default('')
    .transform((names) =>
      names
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== ''),
    );
const hourMs = 3_600_000;

const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];

const scriptedModel = z.strictObject({
  /** For tests and benchmarks only: its text is a function of the audio's bytes and their place. */
  engine: z.literal('scripted'),
  languages: z.array(text()).min(1).default(['en']),
  /** A final for each so many milliseconds of audio. */
  segmentMs: integer(20, 600_000).default(1000),
  /** Recognition takes this share of the audio's length (0: none). */
  realTimeFactor: z.coerce.number().min(0).max(10).default(0),
  /** A file that appears at this path makes the recogniser fail (tests). */
  failFile: optional(),
  /** Live: no text is made of this stretch of a session, [from, to) in milliseconds (tests). */
  unheardMs: z
    .tuple([integer(0, hourMs), integer(0, hourMs)])
    .nullable()
    .default(null),
  /** Live: the recogniser fails at audio of this stretch (tests). */
  poisonMs: z
    .tuple([integer(0, hourMs), integer(0, hourMs)])
    .nullable()
    .default(null),
});

const moonshineModel = z.strictObject({
  engine: z.literal('moonshine'),
  languages: z.array(text()).min(1).default(['en']),
  /** Name of a model that Longhand can fetch (infra/assets). */
  asset: z.enum(['moonshine-tiny-en', 'moonshine-base-en']).default('moonshine-tiny-en'),
  /** Folder that holds the model already; nothing is fetched then. */
  dir: optional(),
});

const modelConfig = z.discriminatedUnion('engine', [scriptedModel, moonshineModel]);
/** One entry of LONGHAND_MODELS: a named recogniser configuration. */
export type ModelConfig = z.infer<typeof modelConfig>;

/** Weights that Temporal's fairness takes. */
const weight = () => z.coerce.number().min(0.001).max(1000);

const weightsJson = z
  .string()
  .default('{}')
  .transform((json, context): unknown => {
    try {
      return JSON.parse(json);
    } catch {
      context.addIssue({ code: 'custom', message: 'is not JSON: expected {"<tenant>": <weight>, …}' });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/), weight()));

const retentionJson = z
  .string()
  .default('{}')
  .transform((json, context): unknown => {
    try {
      return JSON.parse(json);
    } catch {
      context.addIssue({ code: 'custom', message: 'is not JSON: expected {"<tenant>": <milliseconds>, …}' });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/), integer(0, 100 * 365 * 24 * hourMs)));

const modelsJson = z
  .string()
  .default('{"en":{"engine":"moonshine"}}')
  .transform((json, context): unknown => {
    try {
      return JSON.parse(json);
    } catch {
      context.addIssue({
        code: 'custom',
        message: 'is not JSON: expected {"<model>": {"engine": "moonshine" | "scripted", …}}',
      });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/), modelConfig))
  .refine((models) => Object.keys(models).length > 0, 'names no model');

/** What clients of OpenAI's API hard-code. */
const OPENAI_MODELS = ['whisper-1', 'gpt-transcribe', 'gpt-4o-transcribe', 'gpt-4o-mini-transcribe'];

const aliasesJson = z
  .string()
  .default(JSON.stringify(Object.fromEntries(OPENAI_MODELS.map((name) => [name, null]))))
  .transform((json, context): unknown => {
    try {
      return JSON.parse(json);
    } catch {
      context.addIssue({ code: 'custom', message: 'is not JSON: expected {"<alias>": "<model>" | null, …}' });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/), z.string().nullable()));

/** A setting: what it is checked by, and one line on what it means. */
const setting = <T extends z.ZodType>(schema: T, meaning: string): T => schema.describe(meaning);

const settings = {
  LONGHAND_HTTP_PORT: setting(port().default(8080), 'port of page, API and WebSocket; 0 takes a free one'),
  LONGHAND_HOST: setting(
    z
      .string()
      .refine((host) => LOOPBACK.includes(host), `must be one of ${LOOPBACK.join(', ')}: there is no identity yet`)
      .default('127.0.0.1'),
    'address the gateway binds to; loopback only as long as there is no identity',
  ),
  LONGHAND_DATA_DIR: setting(
    text().default('./.longhand'),
    'folder of the embedded defaults: Temporal database, objects, logs',
  ),
  LONGHAND_CACHE_DIR: setting(
    text().default(join(homedir(), '.cache', 'longhand')),
    'folder where fetched binaries and models are kept',
  ),
  LONGHAND_WORKERS: setting(
    integer(0, 1000).default(1),
    'ASR worker processes a model that `npm start` runs; the least that its scaler keeps',
  ),
  LONGHAND_WORKERS_MAX: setting(
    integer(0, 1000).nullable().default(null),
    'ASR worker processes a model that the scaler of `npm start` runs at most; default: one more than LONGHAND_WORKERS, none where that is 0',
  ),
  LONGHAND_CLUSTER: setting(
    z.enum(['auto', 'none', 'parent', 'kubernetes']).default('auto'),
    'who starts and ends workers: `kubernetes`, `parent` (the process that started the orchestrator: `npm start`), `none`; `auto`: `parent` below `npm start`, otherwise `none`',
  ),
  LONGHAND_SCALING_FILE: setting(
    optional(),
    'JSON file with the scaling policy of each model (docs/scaling.md); none: workers for what is there and one slot more',
  ),
  LONGHAND_SCALING_TICK_MS: setting(
    integer(200, hourMs).default(5000),
    'pools are observed, and their workers decided on, this often; besides at once when a session finds no free slot',
  ),
  LONGHAND_SCALE_DOWN_MS: setting(
    integer(0, 24 * hourMs).default(60_000),
    'workers that are not wanted any more stay for so long (without LONGHAND_SCALING_FILE)',
  ),
  LONGHAND_POD_NAME: setting(
    optional(),
    'name of the pod that an ASR worker runs in (downward API: metadata.name); none: its host name',
  ),
  LONGHAND_KUBECONFIG: setting(optional(), 'kubeconfig file of the cluster; none: as a pod of it'),
  LONGHAND_KUBERNETES_NAMESPACE: setting(text().default('default'), 'namespace of the workers'),
  LONGHAND_KUBERNETES_DEPLOYMENT: setting(
    text().default('longhand-asr-{model}'),
    "name of a model's Deployment; `{model}` stands for the model's name",
  ),
  LONGHAND_PLATFORM_DEADLINE_MS: setting(
    integer(100, 60_000).default(5000),
    'longest wait for one answer of what starts and ends workers (LONGHAND_CLUSTER)',
  ),
  LONGHAND_WORKER_SESSIONS: setting(
    integer(0, 1_000_000).default(0),
    'an ASR worker ends after so many sessions (burst workers: 1); 0: never',
  ),
  LONGHAND_WORKER_IDLE_MS: setting(
    integer(0, 24 * hourMs).default(0),
    'an ASR worker without a session for so long ends (burst workers); 0: never',
  ),
  LONGHAND_SLOTS: setting(integer(1, 10_000).default(8), 'sessions one ASR worker process serves at a time'),
  LONGHAND_BOOTSTRAP_KEY: setting(optional(), 'API key for the identity to come: accepted, unused now'),
  LONGHAND_URL: setting(
    z
      .url({ protocol: /^https?$/, error: 'is not an address: expected http://host:port or https://host' })
      .nullable()
      .default(null),
    'address that the command line speaks to; default: http://127.0.0.1 at LONGHAND_HTTP_PORT',
  ),
  LONGHAND_API_KEY: setting(optional(), 'API key that the command line shows: `Authorization: Bearer`'),
  LONGHAND_MODELS: setting(modelsJson, 'models by name, as JSON'),
  LONGHAND_DEFAULT_MODEL: setting(text().default('en'), 'model of a request that names none'),
  LONGHAND_MODEL_ALIASES: setting(
    aliasesJson,
    "names of other services' models that drop-in fronts take, and the model each stands for (null: the default one), as JSON",
  ),
  LONGHAND_MODEL: setting(optional(), 'model that an ASR worker process serves; default: the default model'),
  LONGHAND_VAD_FILE: setting(
    optional(),
    'path of the Silero voice activity detector (silero_vad_16k_op15.onnx); none: cache, then fetched',
  ),
  LONGHAND_LOG_LEVEL: setting(
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
    'least severe log line written',
  ),

  LONGHAND_TEMPORAL_ADDRESS: setting(
    optional(),
    'host:port of a Temporal server; none: `npm start` runs one of its own',
  ),
  LONGHAND_TEMPORAL_NAMESPACE: setting(text().default('default'), 'Temporal namespace'),
  LONGHAND_TEMPORAL_PORT: setting(port().default(7233), 'port of the embedded Temporal server'),
  LONGHAND_TEMPORAL_UI_PORT: setting(port().default(8233), "port of the embedded Temporal server's UI"),
  LONGHAND_TEMPORAL_BINARY: setting(optional(), 'path of the `temporal` binary; none: PATH, cache, then fetched'),
  LONGHAND_TEMPORAL_DEADLINE_MS: setting(
    integer(100, 600_000).default(5000),
    'longest wait for one answer of Temporal',
  ),

  LONGHAND_STORAGE: setting(z.enum(['folder', 's3']).default('folder'), 'where audio and transcripts are stored'),
  LONGHAND_STORAGE_DIR: setting(optional(), 'folder of the objects; default: objects below the data folder'),
  LONGHAND_S3_BUCKET: setting(text().default('longhand'), 'bucket of the objects'),
  LONGHAND_S3_ENDPOINT: setting(optional(), 'address of an S3 server other than AWS'),
  LONGHAND_S3_REGION: setting(text().default('us-east-1'), 'region of the bucket'),
  LONGHAND_S3_ACCESS_KEY_ID: setting(optional(), "access key; none: the AWS SDK's own chain"),
  LONGHAND_S3_SECRET_ACCESS_KEY: setting(optional(), 'secret of the access key'),

  LONGHAND_GATEWAY_URL: setting(
    optional(),
    'ws:// address at which workers reach any gateway; default: the one on this machine',
  ),
  LONGHAND_ADVERTISED_URL: setting(
    optional(),
    'ws:// address at which workers reach this very gateway; default: its host and port',
  ),
  LONGHAND_INTERNAL_KEY: setting(optional(), 'key that a worker shows a gateway; `npm start` makes one'),

  LONGHAND_ALLOWED_HOSTS: setting(
    list(),
    'names other than loopback by which the gateway may be addressed, with commas',
  ),
  LONGHAND_ALLOWED_ORIGINS: setting(
    list(),
    'other sites whose pages may use the gateway, e.g. https://desk.example, with commas',
  ),
  LONGHAND_ACK_INTERVAL_MS: setting(
    integer(10, 10_000).default(500),
    'audio is stored, and then acknowledged, this often',
  ),
  LONGHAND_COMPACT_AFTER_MS: setting(
    integer(2000, 24 * hourMs).default(600_000),
    'stored audio is joined into long objects once it is so old; the same for all processes of an installation',
  ),
  LONGHAND_MAX_FRAME_BYTES: setting(integer(1024, 64 << 20).default(1 << 20), 'largest WebSocket message'),
  LONGHAND_SESSION_BUFFER_BYTES: setting(
    integer(64_000, 1 << 30).default(4 << 20),
    'audio of one session held in memory; then its client is paused',
  ),
  LONGHAND_RECENT_AUDIO_BYTES: setting(
    integer(0, 1 << 30).default(320_000),
    'stored audio kept in memory so that a takeover need not read storage',
  ),
  LONGHAND_CLIENT_BUFFER_BYTES: setting(
    integer(16_000, 1 << 30).default(1 << 20),
    'output a slow client may leave unread before it is closed',
  ),
  LONGHAND_MAX_QUEUE: setting(
    integer(0, 1_000_000).default(1000),
    'live sessions of a model that may wait for a worker; more are refused with queue_full. 0: only for a slot that is free',
  ),
  LONGHAND_MAX_TENANT_SESSIONS: setting(
    integer(1, 10_000_000).default(10_000),
    'live sessions of one tenant that may be open; more are refused with tenant_limit',
  ),
  LONGHAND_TENANT_REQUESTS_PER_S: setting(
    integer(1, 1_000_000).default(1000),
    'requests of one tenant, new WebSockets among them, that a gateway takes a second on the average, ten seconds’ worth at once; more are refused with rate_limit',
  ),
  LONGHAND_TINY_MESSAGES_PER_S: setting(
    integer(1, 1_000_000).default(1000),
    'messages of less than 32 bytes (1 ms of audio) that one live connection may send a second on the average, ten seconds’ worth at once; who sends more is closed with rate_limit',
  ),
  LONGHAND_MAX_EVENT_STREAMS: setting(
    integer(1, 1_000_000).default(1000),
    'readers of sessions’ events that a gateway takes; more are refused with too_many_streams',
  ),
  LONGHAND_EVENTS_HEARTBEAT_MS: setting(
    integer(100, 600_000).default(15_000),
    'a stream of events carries a comment after so long a silence; who reads nothing for twice as long is let go of',
  ),
  LONGHAND_SEND_AHEAD_MS: setting(
    integer(1000, 600_000).default(30_000),
    'audio a worker is sent ahead of what it has recognised',
  ),
  LONGHAND_MAX_UPLOAD_BYTES: setting(
    integer(1, Number.MAX_SAFE_INTEGER).default(2 * 1024 ** 3),
    'largest uploaded file',
  ),
  LONGHAND_UPLOAD_STALL_MS: setting(
    integer(1000, hourMs).default(60_000),
    'an upload, or another request, that stands still for so long is cut off',
  ),
  LONGHAND_UPLOAD_TTL_MS: setting(
    integer(60_000, 720 * hourMs).default(24 * hourMs),
    'an upload that starts no session is kept for so long from its beginning',
  ),
  LONGHAND_RETENTION_MS: setting(
    integer(0, 100 * 365 * 24 * hourMs).default(0),
    'an ended session is deleted, with everything of it, after so long; 0: never',
  ),
  LONGHAND_TENANT_RETENTION: setting(
    retentionJson,
    'retention by tenant, in milliseconds, as JSON: for tenants other than LONGHAND_RETENTION_MS says',
  ),
  LONGHAND_RETENTION_SWEEP_MS: setting(
    integer(500, 24 * hourMs).default(60_000),
    'how often it is looked what has ended, and which uploads nobody came for',
  ),
  LONGHAND_MAX_BATCH_ITEMS: setting(integer(1, 5000).default(1000), 'files of one batch'),
  LONGHAND_BATCH_SIDE_BY_SIDE: setting(integer(1, 1000).default(16), 'files of one batch under way at a time'),
  LONGHAND_MAX_FILE_MS: setting(integer(1000, 1000 * hourMs).default(12 * hourMs), 'longest audio of a file'),
  LONGHAND_FFMPEG: setting(
    text().default('auto'),
    'what decodes files: `auto` (ffmpeg on PATH, else @ffmpeg/core), `wasm` (@ffmpeg/core), or the path of an ffmpeg',
  ),
  LONGHAND_KALDI_STATUS_9: setting(
    z.stringbool().default(false),
    'kaldi-gstreamer front: a client that would have to wait for a worker is sent away (status 9, HTTP 503) instead of queued',
  ),
  LONGHAND_KALDI_SILENCE_MS: setting(
    integer(0, hourMs).default(10_000),
    'kaldi-gstreamer front: audio without a word after which a session ends with status 1; 0: never',
  ),
  LONGHAND_VOSK_PORT: setting(
    port().nullable().default(null),
    "port at which Vosk's WebSocket protocol is spoken, 2700 for its clients' own default; 0 takes a free one; none: it is not spoken",
  ),
  LONGHAND_LIVE_DECODERS: setting(
    integer(0, 100_000).default(50),
    'live streams of containers (webm, mp3 …) that one gateway decodes at a time, each by an ffmpeg of its own; more are refused with decoder_limit',
  ),
  LONGHAND_DECODE_STALL_MS: setting(
    integer(100, hourMs).default(20_000),
    'a decoder that gives nothing for so long is ended',
  ),
  LONGHAND_DECODE_LIMIT_MS: setting(
    integer(100, 24 * hourMs).default(hourMs),
    'longest time one file may keep the decoder busy',
  ),
  LONGHAND_PREPARE_SLOTS: setting(
    integer(1, 1000).default(4),
    'files that one orchestrator probes or decodes at a time; more wait, and hold nothing else up',
  ),
  LONGHAND_PREPARE_WAIT_MS: setting(
    integer(0, 60_000).default(3000),
    "how long an upload waits for the decoder's verdict before it answers 202",
  ),
  LONGHAND_ANSWER_WAIT_MS: setting(
    integer(1000, 24 * hourMs).default(hourMs),
    'how long a request of a drop-in front waits for its transcript; the session goes on after it',
  ),
  LONGHAND_KEEPALIVE_MS: setting(
    integer(100, 600_000).default(15_000),
    'a client that sends nothing, not even a pong, for twice as long is gone',
  ),
  LONGHAND_CLIENT_GRACE_MS: setting(
    integer(0, 24 * hourMs).default(10_000),
    'a client may be away so long before its slot is released',
  ),
  LONGHAND_QUIET_GRACE_MS: setting(
    integer(100, 24 * hourMs).default(60_000),
    'a client that is connected and sends no audio keeps its slot for so long; audio that comes again gets it one',
  ),
  LONGHAND_WORKER_SILENCE_MS: setting(
    integer(300, 60_000).default(1000),
    'a worker whose recogniser says nothing for so long is replaced',
  ),
  LONGHAND_WORKER_STALL_MS: setting(
    integer(500, 600_000).default(10_000),
    'a worker that has audio and takes none in for so long is replaced',
  ),
  LONGHAND_GATEWAY_SILENCE_MS: setting(
    integer(300, 600_000).default(15_000),
    'a gateway that says nothing to a worker for so long, not even a pong, is dialled again',
  ),

  LONGHAND_RESUME_WINDOW_MS: setting(
    integer(0, 24 * hourMs).default(300_000),
    'a live session stays open without its client for so long',
  ),
  LONGHAND_MAX_SESSION_MS: setting(integer(1000, 1000 * hourMs).default(72 * hourMs), 'longest life of a session'),
  LONGHAND_LEASE_TTL_MS: setting(integer(500, 60_000).default(5000), 'a lease that nobody uses is freed after'),
  LONGHAND_HEARTBEAT_TIMEOUT_MS: setting(
    integer(1000, hourMs).default(60_000),
    'last resort when a worker dies unseen; shorter, and a restart of Temporal moves every stream',
  ),
  LONGHAND_ROTATE_EVENTS: setting(
    integer(30, 40_000).default(1000),
    'history events after which a workflow continues as new',
  ),
  LONGHAND_CHECKPOINT_SEGMENTS: setting(integer(1, 200).default(50), 'segments after which a checkpoint is written'),
  LONGHAND_SPAN_MS: setting(
    integer(1000, hourMs).default(60_000),
    'length of the spans a file is cut into; those of a long one are up to five times as long',
  ),
  LONGHAND_MAX_PARALLEL_SPANS: setting(integer(1, 1000).default(8), 'spans of one file transcribed side by side'),
  LONGHAND_MAX_TENANT_SPANS: setting(
    integer(1, 100_000).default(64),
    'spans of all files of one tenant transcribed side by side; those of more wait. A file of one span is not counted',
  ),
  LONGHAND_TENANT_WEIGHT: setting(
    weight().default(1),
    'fairness weight of a tenant that LONGHAND_TENANT_WEIGHTS does not name',
  ),
  LONGHAND_TENANT_WEIGHTS: setting(
    weightsJson,
    'fairness weights by tenant, as JSON: while all wait, one of weight 3 gets three workers for each one that a tenant of weight 1 gets',
  ),
  LONGHAND_DRAIN_MS: setting(
    integer(0, 24 * hourMs).default(10_000),
    'how long a process that is told to end lets its work finish',
  ),
  ...outboundSettings,
} as const;

const schema = z.object(settings);
type Raw = z.infer<typeof schema>;

/** All settings, checked. */
export interface Config extends Raw {
  /** Absolute. */
  readonly LONGHAND_DATA_DIR: string;
}

/** A setting of the environment is wrong; the message names each one and what is allowed. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

const SECRET = /KEY|SECRET/;

/** Reads the settings; unknown `LONGHAND_*` names are an error, so that a misspelt one is not passed over. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.entries(environment).filter(([name, value]) => name.startsWith('LONGHAND_') && value !== '');
  const unknown = given.map(([name]) => name).filter((name) => !(name in settings));
  if (unknown.length > 0) throw new ConfigError(`unknown setting ${unknown.join(', ')}: see \`npx longhand config\``);
  const result = schema.safeParse(Object.fromEntries(given));
  if (!result.success) {
    throw new ConfigError(result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
  }
  const models = result.data.LONGHAND_MODELS;
  for (const name of ['LONGHAND_DEFAULT_MODEL', 'LONGHAND_MODEL'] as const) {
    const model = result.data[name];
    const isDefault = name === 'LONGHAND_DEFAULT_MODEL' && environment[name] === undefined;
    if (isDefault && model !== null && !(model in models)) result.data[name] = Object.keys(models)[0] ?? 'en';
    else if (model !== null && !(model in models)) {
      throw new ConfigError(`${name}: '${model}' is not in LONGHAND_MODELS (${Object.keys(models).join(', ')})`);
    }
  }
  for (const [alias, model] of Object.entries(result.data.LONGHAND_MODEL_ALIASES)) {
    if (model === null || model in models) continue;
    throw new ConfigError(
      `LONGHAND_MODEL_ALIASES: '${alias}' stands for '${model}', which is not in LONGHAND_MODELS (${Object.keys(models).join(', ')})`,
    );
  }
  if (result.data.LONGHAND_WEBHOOK_URL !== null && result.data.LONGHAND_WEBHOOK_SECRET.length === 0) {
    throw new ConfigError('LONGHAND_WEBHOOK_URL: LONGHAND_WEBHOOK_SECRET is needed too, for webhooks are signed');
  }
  return { ...result.data, LONGHAND_DATA_DIR: resolve(result.data.LONGHAND_DATA_DIR) };
}

/** A setting as text; secrets are hidden. */
export interface SettingDescription {
  readonly name: string;
  readonly value: string;
  /** The home folder is written `~`: the same text on every machine. */
  readonly defaultValue: string;
  readonly isDefault: boolean;
  readonly meaning: string;
}

/** The most ASR workers of a model that `npm start` runs. */
export const mostLocalWorkers = ({ LONGHAND_WORKERS: least, LONGHAND_WORKERS_MAX: most }: Config): number =>
  Math.max(least, most ?? (least === 0 ? 0 : least + 1));

/** Every setting with its value, its default and its meaning; secrets are hidden. */
export function describeConfig(config: Config): SettingDescription[] {
  const defaults = schema.parse({});
  return Object.entries(settings).map(([name, { description }]) => {
    const key = name as keyof Config;
    const value = asText(config[key]);
    return {
      name,
      value: SECRET.test(name) && value !== asText(defaults[key]) ? '(set)' : value,
      defaultValue: asText(defaults[key]).replace(homedir(), '~'),
      isDefault: isDefault(value, asText(defaults[key])),
      meaning: description ?? '',
    };
  });
}

/** The data folder is made absolute when it is read. */
const isDefault = (value: string, defaultValue: string): boolean =>
  value === defaultValue || value === resolve(defaultValue);

function asText(value: Config[keyof Config]): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The environment for a child process: this one's, with some settings replaced. */
export const childEnvironment = (replaced: Record<string, string>): NodeJS.ProcessEnv => ({
  ...process.env,
  ...replaced,
});

/** The whole environment, for what Longhand takes from others' settings: PATH, and pip's and npm's own. */
export const machineEnvironment = (): NodeJS.ProcessEnv => ({ ...process.env });
