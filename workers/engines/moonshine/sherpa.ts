import { createRequire } from 'node:module';

/**
 * The part of sherpa-onnx-node 1.13.8 that is used here; the package brings no type declarations. A missing or damaged
 * model file ends the process in native code, so files are checked before they come here.
 */
interface OfflineRecognizer {
  createStream(): OfflineStream;
  /** Decodes on a thread of its own; answers what `getResult` would. */
  decodeAsync(stream: OfflineStream): Promise<{ readonly text: string }>;
}

interface OfflineStream {
  acceptWaveform(wave: { samples: Float32Array; sampleRate: number }): void;
}

/** Silero VAD behind sherpa's state machine. */
export interface NativeVad {
  /** Takes one window of 512 samples. */
  acceptWaveform(samples: Float32Array): void;
  isDetected(): boolean;
  isEmpty(): boolean;
  pop(): void;
  reset(): void;
}

interface Sherpa {
  readonly OfflineRecognizer: new (config: object) => OfflineRecognizer;
  readonly Vad: new (config: object, bufferSeconds: number) => NativeVad;
}

const sherpa = createRequire(import.meta.url)('sherpa-onnx-node') as Sherpa;

export interface ModelFiles {
  /** Folder with encoder_model.ort, decoder_model_merged.ort and tokens.txt. */
  readonly modelDir: string;
  /** silero_vad_16k_op15.onnx */
  readonly vadFile: string;
}

export function loadRecognizer(modelDir: string, threads: number): OfflineRecognizer {
  return new sherpa.OfflineRecognizer({
    featConfig: { sampleRate: 16_000, featureDim: 80 },
    modelConfig: {
      moonshine: { encoder: `${modelDir}/encoder_model.ort`, mergedDecoder: `${modelDir}/decoder_model_merged.ort` },
      tokens: `${modelDir}/tokens.txt`,
      numThreads: threads,
      provider: 'cpu',
      debug: 0,
    },
  });
}

/** Speech is seen after 100 ms of it, and its end after 100 ms of silence (see `VAD_LAG` in voice.ts). */
export function loadVad(vadFile: string): NativeVad {
  const sileroVad = {
    model: vadFile,
    threshold: 0.5,
    minSilenceDuration: 0.1,
    minSpeechDuration: 0.1,
    windowSize: 512,
    // Its own maximum is not trusted: utterances are cut by the cutters.
    maxSpeechDuration: 600,
  };
  return new sherpa.Vad({ sileroVad, sampleRate: 16_000, numThreads: 1, debug: false }, 30);
}
