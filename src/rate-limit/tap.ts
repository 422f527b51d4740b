import type { LimitBucket } from "../core/limit-rule.ts";
import type { Bucket } from "./bucket.ts";

/** A queue whose first call waits for tokens. */
export interface Contender {
  /** Grows with every call that becomes the first of its queue: who has waited longer is served first. */
  readonly turn: number;
  /** Tries again. */
  serve(): void;
}

/** A bucket, and the queues whose first calls wait for it: rules that name the same bucket share it. */
export class Tap {
  readonly bucket: Bucket;
  /** What the rule says of the bucket. */
  readonly facts: LimitBucket;
  /** What it is about: the cloud, and whatever keeps it apart. */
  readonly labels: Readonly<Record<string, string>>;
  #contenders: Contender[] | undefined;

  constructor(bucket: Bucket, facts: LimitBucket, labels: Readonly<Record<string, string>>) {
    this.bucket = bucket;
    this.facts = facts;
    this.labels = labels;
  }

  /** Whether this queue may take from the bucket: nobody who came before waits for it. */
  isOpenTo(contender: Contender | undefined): boolean {
    const first = this.#contenders?.[0];
    return first === undefined || first === contender || (contender !== undefined && contender.turn < first.turn);
  }

  /** Waits here, behind whoever came before. All taps keep the same order, so that nobody waits in a circle. */
  join(contender: Contender): void {
    this.#contenders ??= [];
    if (this.#contenders.includes(contender)) return;
    const index = this.#contenders.findIndex(({ turn }) => turn > contender.turn);
    this.#contenders.splice(index < 0 ? this.#contenders.length : index, 0, contender);
  }

  /** Waits no longer: the next one may try. */
  leave(contender: Contender): void {
    const index = this.#contenders?.indexOf(contender) ?? -1;
    if (index < 0) return;
    this.#contenders?.splice(index, 1);
    if (this.#contenders?.length === 0) this.#contenders = undefined;
    else this.serve();
  }

  /** Lets those who wait try again, the first first. */
  serve(): void {
    for (const contender of [...(this.#contenders ?? [])]) contender.serve();
  }
}
