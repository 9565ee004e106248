/** A recognition thread that is ready at once and throws on the first audio, or before it is ready. */
import { parentPort, workerData } from 'node:worker_threads';

if ((workerData as { modelDir: string }).modelDir === 'unloadable') throw new Error('cannot load');
parentPort?.on('message', (message: { type: string }) => {
  if (message.type === 'end') parentPort?.close();
  if (message.type === 'audio') throw new Error('native call failed');
});
parentPort?.postMessage({ type: 'ready' });
