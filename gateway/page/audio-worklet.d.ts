/** The global scope of an AudioWorklet (https://www.w3.org/TR/webaudio-1.1/#AudioWorkletGlobalScope): not in TypeScript's DOM types. */
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
  process(inputs: Float32Array[][]): boolean;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
