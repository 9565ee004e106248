/** Files and versions as a gateway sees them, in memory. */
import { Failure } from '../../gateway/failures.ts';
import type { FilesPort } from '../../gateway/ports.ts';
import type { FileInput, SessionRef, SessionView, VersionInput } from '../../workflows/contract.ts';
import type { FakeSessions } from './fake-sessions.ts';

export class FakeFiles implements FilesPort {
  readonly stopped: string[] = [];
  readonly restarted: FileInput[] = [];
  readonly versions: VersionInput[] = [];
  /** How versions are seen. */
  versionState: SessionView['state'] = 'streaming';
  readonly #sessions: FakeSessions;

  constructor(sessions: FakeSessions) {
    this.#sessions = sessions;
  }

  stop({ id }: SessionRef): Promise<void> {
    this.stopped.push(id);
    return Promise.resolve();
  }

  input(ref: SessionRef): Promise<FileInput> {
    const input = this.#sessions.files.find((file) => file.ref.id === ref.id);
    return input === undefined ? Promise.reject(new Failure('not_found', 'no such session')) : Promise.resolve(input);
  }

  restart(input: FileInput): Promise<void> {
    this.restarted.push(input);
    return Promise.resolve();
  }

  startVersion(input: VersionInput): Promise<boolean> {
    const isThere = this.versions.some(({ ref, version }) => ref.id === input.ref.id && version === input.version);
    if (!isThere) this.versions.push(input);
    return Promise.resolve(!isThere);
  }

  readonly cancelledVersions: number[] = [];

  cancelVersion(_ref: SessionRef, version: number): Promise<void> {
    this.cancelledVersions.push(version);
    return Promise.resolve();
  }

  async versionView(ref: SessionRef, version: number): Promise<SessionView> {
    const known = this.versions.find((input) => input.ref.id === ref.id && input.version === version);
    if (known === undefined) throw new Failure('not_found', 'no such session');
    const view = await this.#sessions.view(ref);
    return { ...view, model: known.model, language: known.language, state: this.versionState };
  }
}
