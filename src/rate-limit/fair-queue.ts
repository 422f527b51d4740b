/** A place in the queue. */
export interface Ticket<T> {
  readonly lane: string;
  readonly item: T;
}

interface Node<T> extends Ticket<T> {
  before: Node<T> | undefined;
  after: Node<T> | undefined;
}

interface Lane<T> {
  head: Node<T>;
  tail: Node<T>;
  length: number;
}

/**
 * A queue of lanes that are served in turn, one item each: a lane with a thousand items waiting
 * does not delay another's first. First come, first served within a lane. Every operation is O(1).
 */
export class FairQueue<T> {
  readonly #lanes = new Map<string, Lane<T>>(); // a Map keeps insertion order: the first lane is next
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Items waiting in one lane. */
  lengthOf(lane: string): number {
    return this.#lanes.get(lane)?.length ?? 0;
  }

  push(lane: string, item: T): Ticket<T> {
    const node: Node<T> = { lane, item, before: undefined, after: undefined };
    const entry = this.#lanes.get(lane);
    if (entry === undefined) this.#lanes.set(lane, { head: node, tail: node, length: 1 });
    else {
      node.before = entry.tail;
      entry.tail.after = node;
      entry.tail = node;
      entry.length++;
    }
    this.#size++;
    return node;
  }

  /** Takes the next item, and sends its lane to the end of the round. */
  shift(): T | undefined {
    const next = this.#lanes.entries().next();
    if (next.done) return undefined;
    const [lane, entry] = next.value;
    const { head } = entry;
    this.#unlink(entry, head);
    this.#lanes.delete(lane);
    if (entry.length > 0) this.#lanes.set(lane, entry);
    return head.item;
  }

  /** Leaves the queue. The ticket must not have been served or removed before. */
  remove(ticket: Ticket<T>): void {
    const entry = this.#lanes.get(ticket.lane);
    if (entry === undefined) return;
    this.#unlink(entry, ticket as Node<T>);
    if (entry.length === 0) this.#lanes.delete(ticket.lane);
  }

  #unlink(entry: Lane<T>, node: Node<T>): void {
    if (node.before === undefined) entry.head = node.after as Node<T>;
    else node.before.after = node.after;
    if (node.after === undefined) entry.tail = node.before as Node<T>;
    else node.after.before = node.before;
    entry.length--;
    this.#size--;
  }
}
