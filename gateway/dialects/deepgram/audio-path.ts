/** A client's audio on its way to its sessions. */
export interface AudioPath {
  /** The client's next bytes, cut anywhere. */
  take(bytes: Buffer): void;
  /** No more comes; resolves once all of it is given. */
  end(): Promise<void>;
  /** The sessions have no room at present. */
  press?(isFull: boolean): void;
  /** The connection is gone. */
  close?(): void;
}
