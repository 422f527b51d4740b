export interface BuildOptions {
  /** Builds even what is up to date. */
  readonly always?: boolean;
  /** Leaves out the bundler's own lines. */
  readonly quiet?: boolean;
}

/** Builds `dist`, the quickstart and the bench, unless they were built from these very sources. */
export function build(options?: BuildOptions): Promise<void>;

/** What a build makes, by paths from the root: without one of these nothing is up to date. */
export function outputs(): string[];
