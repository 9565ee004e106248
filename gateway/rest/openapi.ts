/** The OpenAPI 3.1 document, made from the schemas that validate. Each area describes its operations in a file of its own. */
import { OpenApiGeneratorV31, OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { describeDeepgram } from '../dialects/deepgram/openapi.ts';
import { describeKaldi } from '../dialects/kaldi/openapi.ts';
import { describeOpenAi } from '../dialects/openai/openapi.ts';
import { describeBatches } from './openapi/batches.ts';
import { describeEvents } from './openapi/events.ts';
import { describeFileOperations } from './openapi/file-operations.ts';
import { describeHealth } from './openapi/health.ts';
import { describePools } from './openapi/pools.ts';
import { describeSessions } from './openapi/sessions.ts';
import { describeUploads } from './openapi/uploads.ts';
import { describeWebhooks } from './openapi/webhooks.ts';
import { describeWorkers } from './openapi/workers.ts';

const AREAS: readonly ((registry: OpenAPIRegistry) => void)[] = [
  describeSessions,
  describeBatches,
  describeFileOperations,
  describeUploads,
  describeEvents,
  describeWebhooks,
  describeWorkers,
  describePools,
  describeDeepgram,
  describeOpenAi,
  describeKaldi,
  describeHealth,
];

let made: object | null = null;

export function openApiDocument(): object {
  made ??= makeDocument();
  return made;
}

function makeDocument(): object {
  const registry = new OpenAPIRegistry();
  for (const describe of AREAS) describe(registry);
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Longhand',
      version: '0.1.0',
      description:
        'Durable speech-to-text. The live WebSocket protocol is described in docs/protocol.md and docs/asyncapi.yaml.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
  });
}
