/** A session's audio at a gateway, while its clients come and go and storage takes its time. */
import { AudioSide } from '../../../gateway/live/audio-side.ts';
import type { AttachAnswer } from '../../../workflows/contract.ts';
import { Edge } from '../../harness/edge.ts';

const ref = { tenant: 't', id: 's' };
const answer: AttachAnswer = {
  generation: 1,
  nextIndex: 0,
  throughByte: 0,
  audio: { encoding: 's16le', sampleRate: 16_000, channels: 1 },
  audioEndByte: null,
  model: 'en',
  language: 'en',
};

/** Storage answers what it is asked about the log's extent when the test says so. */
function slowStorage() {
  const edge = new Edge();
  const { audioLog } = edge.gateway;
  const questions: (() => void)[] = [];
  const asked = (prefix: string) =>
    new Promise<undefined>((resolve) => questions.push(() => resolve(undefined))).then(() => audioLog.extent(prefix));
  const slow = { extent: asked, append: audioLog.append.bind(audioLog), seal: audioLog.seal.bind(audioLog) };
  const gateway = { ...edge.gateway, audioLog: { ...slow, read: audioLog.read.bind(audioLog) } };
  const events = {
    changed: () => undefined,
    stored: () => undefined,
    pressure: () => undefined,
    isCurrent: () => Promise.resolve(true),
    superseded: () => undefined,
  };
  return { edge, audio: new AudioSide(gateway, ref, events), questions };
}

test('a client that was sent away because storage was slow changes nothing for the one that came after it', async () => {
  const { edge, audio, questions } = slowStorage();
  const gaveUp = expect(audio.open(answer)).rejects.toMatchObject({ type: 'superseded' });
  const came = audio.open(answer);
  await Promise.resolve();
  questions[1]?.();
  expect(await came).toBe(0);
  audio.accept(Buffer.from([1, 2, 3]));
  questions[0]?.();
  await gaveUp;
  audio.accept(Buffer.from([4, 5, 6]));
  await audio.flush();
  expect([...(await edge.stored())]).toEqual([1, 2, 3, 4, 5, 6]);
});
