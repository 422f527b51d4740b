/** What moto needs is not on this machine; the message is one sentence that says how to get it. */
export class MotoMissing extends Error {}

export interface MotoOptions {
  /** Where progress goes; standard error unless given. */
  readonly log?: (line: string) => void;
}

/** Makes the virtual environment that holds moto, unless it is there already, and returns its Python. */
export function ensureMoto(options?: MotoOptions): Promise<string>;

export interface MotoStartOptions extends MotoOptions {
  /** Added to moto's environment, e.g. `MOTO_ENABLE_AMI_VALIDATION`. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long moto may take until its first answer, in milliseconds; 60 s unless given. */
  readonly timeoutMs?: number;
  /** Ends it at once, even while it starts. */
  readonly signal?: AbortSignal;
}

/** A running moto. */
export interface Moto {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Ends it, and resolves once it has ended. */
  stop(): Promise<void>;
}

/** Starts moto on a free port of the loopback interface and waits until it answers. */
export function startMoto(options?: MotoStartOptions): Promise<Moto>;

/** A Python that has moto, if there is one; nothing is installed. */
export function findMoto(): string | undefined;

/** Starts moto, as `startMoto` does, with a Python that has it. */
export function serveMoto(python: string, options?: Omit<MotoStartOptions, "log">): Promise<Moto>;
