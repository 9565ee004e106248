/** The gateway: the only process that clients see. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { buildGateway } from '../gateway/app.ts';
import { voskServer } from '../gateway/dialects/vosk/server.ts';
import type { LiveServer } from '../gateway/live/server.ts';
import type { GatewaySettings } from '../gateway/ports.ts';
import { TemporalBatches } from '../gateway/temporal/batches.ts';
import { TemporalErasures } from '../gateway/temporal/erasures.ts';
import { TemporalPools } from '../gateway/temporal/pools.ts';
import { TemporalFiles } from '../gateway/temporal/files.ts';
import { TemporalSessions } from '../gateway/temporal/sessions.ts';
import { TemporalWebhooks } from '../gateway/temporal/webhooks.ts';
import { AudioLog } from '../infra/audio-log.ts';
import { Compaction } from '../infra/audio-log/compaction.ts';
import type { Config } from '../infra/config.ts';
import { openLiveDecoders } from '../infra/ffmpeg/live.ts';
import { runProcess } from '../infra/lifecycle.ts';
import { openMultipart, openObjects } from '../infra/objects/open.ts';
import { OutboundGuard } from '../infra/outbound/guard.ts';
import { openClient } from '../infra/temporal.ts';

/** Until there is identity, everything belongs to one tenant. */
const TENANT = 'default';

function settingsOf(config: Config): GatewaySettings {
  const weights = new Map(Object.entries(config.LONGHAND_TENANT_WEIGHTS));
  return {
    tenant: TENANT,
    weightOf: (tenant) => weights.get(tenant) ?? config.LONGHAND_TENANT_WEIGHT,
    catalogue: {
      defaultModel: config.LONGHAND_DEFAULT_MODEL,
      models: config.LONGHAND_MODELS,
      aliases: config.LONGHAND_MODEL_ALIASES,
    },
    bounds: {
      resumeWindowMs: config.LONGHAND_RESUME_WINDOW_MS,
      maxSessionMs: config.LONGHAND_MAX_SESSION_MS,
      leaseTtlMs: config.LONGHAND_LEASE_TTL_MS,
      heartbeatTimeoutMs: config.LONGHAND_HEARTBEAT_TIMEOUT_MS,
      inPlace: true,
      lean: true,
      rotateAfterEvents: config.LONGHAND_ROTATE_EVENTS,
      checkpointEverySegments: config.LONGHAND_CHECKPOINT_SEGMENTS,
      maxParallelSpans: config.LONGHAND_MAX_PARALLEL_SPANS,
      maxTenantSpans: config.LONGHAND_MAX_TENANT_SPANS,
    },
    internalKey: config.LONGHAND_INTERNAL_KEY,
    origins: { allowedHosts: config.LONGHAND_ALLOWED_HOSTS, allowedOrigins: config.LONGHAND_ALLOWED_ORIGINS },
    ackIntervalMs: config.LONGHAND_ACK_INTERVAL_MS,
    maxFrameBytes: config.LONGHAND_MAX_FRAME_BYTES,
    sessionBufferBytes: config.LONGHAND_SESSION_BUFFER_BYTES,
    recentAudioBytes: config.LONGHAND_RECENT_AUDIO_BYTES,
    clientBufferBytes: config.LONGHAND_CLIENT_BUFFER_BYTES,
    sendAheadMs: config.LONGHAND_SEND_AHEAD_MS,
    maxQueue: config.LONGHAND_MAX_QUEUE,
    maxTenantSessions: config.LONGHAND_MAX_TENANT_SESSIONS,
    tenantRequestsPerS: config.LONGHAND_TENANT_REQUESTS_PER_S,
    tinyMessagesPerS: config.LONGHAND_TINY_MESSAGES_PER_S,
    maxUploadBytes: config.LONGHAND_MAX_UPLOAD_BYTES,
    uploadStallMs: config.LONGHAND_UPLOAD_STALL_MS,
    uploadTtlMs: config.LONGHAND_UPLOAD_TTL_MS,
    maxBatchItems: config.LONGHAND_MAX_BATCH_ITEMS,
    batchSideBySide: config.LONGHAND_BATCH_SIDE_BY_SIDE,
    prepareWaitMs: config.LONGHAND_PREPARE_WAIT_MS,
    answerWaitMs: config.LONGHAND_ANSWER_WAIT_MS,
    keepaliveMs: config.LONGHAND_KEEPALIVE_MS,
    clientGraceMs: config.LONGHAND_CLIENT_GRACE_MS,
    quietGraceMs: config.LONGHAND_QUIET_GRACE_MS,
    workerSilenceMs: config.LONGHAND_WORKER_SILENCE_MS,
    workerStallMs: config.LONGHAND_WORKER_STALL_MS,
    kaldi: { status9: config.LONGHAND_KALDI_STATUS_9, silenceMs: config.LONGHAND_KALDI_SILENCE_MS },
    maxEventStreams: config.LONGHAND_MAX_EVENT_STREAMS,
    eventsHeartbeatMs: config.LONGHAND_EVENTS_HEARTBEAT_MS,
    webhooks: {
      defaultUrl: config.LONGHAND_WEBHOOK_URL,
      isSigned: config.LONGHAND_WEBHOOK_SECRET.length > 0,
      retryMs: config.LONGHAND_WEBHOOK_RETRY_MS,
      keepMs: config.LONGHAND_WEBHOOK_KEEP_MS,
    },
  };
}

/** Null: it is not spoken. */
async function listenForVosk(config: Config, { catalogue }: GatewaySettings, live: LiveServer): Promise<Server | null> {
  if (config.LONGHAND_VOSK_PORT === null) return null;
  const vosk = voskServer(catalogue, live);
  vosk.listen(config.LONGHAND_VOSK_PORT, config.LONGHAND_HOST);
  await once(vosk, 'listening');
  return vosk;
}

await runProcess('gateway', async (config, log) => {
  const temporal = config.LONGHAND_TEMPORAL_ADDRESS ?? `127.0.0.1:${config.LONGHAND_TEMPORAL_PORT}`;
  const client = openClient(temporal, config.LONGHAND_TEMPORAL_NAMESPACE);
  const objects = await openObjects(config);
  const multipart = openMultipart(config);
  const settleMs = config.LONGHAND_COMPACT_AFTER_MS;
  const compaction = new Compaction(objects, {
    settleMs,
    failed: (error, prefix) => log.warn({ err: error, prefix }, 'compacting an audio log failed'),
  });
  // The address is known once the port is; nothing reads it before.
  const address = { url: '', instance: randomUUID() };
  const settings = settingsOf(config);
  const server = buildGateway({
    address,
    sessions: new TemporalSessions(client, config.LONGHAND_TEMPORAL_DEADLINE_MS),
    batches: new TemporalBatches(client, config.LONGHAND_TEMPORAL_DEADLINE_MS),
    erasures: new TemporalErasures(client, config.LONGHAND_TEMPORAL_DEADLINE_MS),
    files: new TemporalFiles(client, config.LONGHAND_TEMPORAL_DEADLINE_MS),
    pools: new TemporalPools(client, config.LONGHAND_TEMPORAL_DEADLINE_MS),
    webhooks: new TemporalWebhooks(client, config.LONGHAND_TEMPORAL_DEADLINE_MS),
    outbound: new OutboundGuard(config.LONGHAND_OUTBOUND_ALLOW),
    audioLog: new AudioLog(objects, { settleMs, seen: (prefix, bytes) => compaction.seen(prefix, bytes) }),
    objects,
    multipart,
    decoders: openLiveDecoders(config),
    settings,
    log,
  });
  server.http.listen(config.LONGHAND_HTTP_PORT, config.LONGHAND_HOST);
  await once(server.http, 'listening');
  const vosk = await listenForVosk(config, settings, server.live);
  const { port } = server.http.address() as AddressInfo;
  const host = config.LONGHAND_HOST.includes(':') ? `[${config.LONGHAND_HOST}]` : config.LONGHAND_HOST;
  address.url = config.LONGHAND_ADVERTISED_URL ?? `ws://${host}:${port}`;
  return {
    ready: { port, ...(vosk === null ? {} : { voskPort: (vosk.address() as AddressInfo).port }) },
    drain: async () => {
      compaction.close();
      vosk?.close();
      await Promise.race([server.drain(), pause(config.LONGHAND_DRAIN_MS)]);
      await client.connection.close();
      objects.close();
      multipart?.close();
    },
  };
});
